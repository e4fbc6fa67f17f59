from rest_framework.permissions import BasePermission, DjangoModelPermissions

from portatlas.models import SEE_PORTS


class ModelPermissions(DjangoModelPermissions):
    """The admin's permissions, and reading needs one too."""

    perms_map = DjangoModelPermissions.perms_map | {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
        "OPTIONS": [],
    }


class MaySeePorts(BasePermission):
    """A port shows its note, so it takes both permissions."""

    def has_permission(self, request, view):
        return request.user.has_perms(SEE_PORTS)
