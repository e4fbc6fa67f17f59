"""The admin of users and groups, with fields that everybody can use."""

from django import forms
from django.contrib.auth import admin as plain
from django.contrib.auth.models import Group, User

from portatlas.admin.linked import in_place_of


@in_place_of(User)
class UserAdmin(plain.UserAdmin):
    """When somebody came and joined is a fact; groups are few, and ticked."""

    filter_horizontal = ()  # Django's two boxes have labels that no screen reader may read
    readonly_fields = ("last_login", "date_joined")

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        if db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request=request, **kwargs)


@in_place_of(Group)
class GroupAdmin(plain.GroupAdmin):
    filter_horizontal = ()
