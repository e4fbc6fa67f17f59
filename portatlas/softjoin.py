"""
SoftJoin: relate two models by a shared natural key, without a foreign key.

The models stay ignorant of each other. The field owns no column, makes no migration and
never cascades; it only teaches the ORM how to LEFT JOIN. It leans on three internals of
Django (private fields, PathInfo, the forward descriptor); tests/portatlas/test_softjoin.py
is the contract that a new Django has to keep.
"""

from django.db import models
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor
from django.db.models.query_utils import PathInfo


class SoftJoinDescriptor(ForwardManyToOneDescriptor):
    """Yield the joined row, or None. Assignment would rewrite the local key."""

    def __get__(self, instance, cls=None):
        try:
            return super().__get__(instance, cls)
        except self.field.remote_field.model.DoesNotExist:
            self.field.set_cached_value(instance, None)
            return None

    def __set__(self, instance, value):
        # Model.clean_fields() assigns back what it has read; allow only that.
        if value is not self.__get__(instance):
            raise AttributeError(f"{self.field.name} is a read-only soft join.")


class SoftJoin(models.ForeignObject):
    """A to-one LEFT JOIN on the columns named in `on`, for a proxy model."""

    forward_related_accessor_class = SoftJoinDescriptor

    def __init__(self, to, *, on):
        super().__init__(
            to,
            on_delete=models.DO_NOTHING,  # anything else reaches across the boundary
            from_fields=on,
            to_fields=on,
            related_name="+",
            null=True,  # LEFT, not INNER
            blank=True,
            editable=False,
            serialize=False,
        )

    def contribute_to_class(self, cls, name, **kwargs):
        # A private field, like GenericRelation: allowed on a proxy, no migration.
        super().contribute_to_class(cls, name, **kwargs | {"private_only": True})

    def get_path_info(self, filtered_relation=None):
        # direct=False says that the other row may be absent, so the ORM never answers
        # note__isnull or note__port from the local columns alone.
        opts = self.remote_field.model._meta
        return [
            PathInfo(
                from_opts=self.model._meta,
                to_opts=opts,
                target_fields=(opts.pk,),
                join_field=self,
                m2m=False,
                direct=False,
                filtered_relation=filtered_relation,
            )
        ]
