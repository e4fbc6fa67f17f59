"""
SoftJoin: relate two models by a shared natural key, without a foreign key.

The models stay ignorant of each other. The field owns no column, makes no migration and
never cascades; it only teaches the ORM how to LEFT JOIN. It leans on four internals of
Django (private fields, PathInfo, the forward descriptor, the extra restriction of a join);
tests/portatlas/test_softjoin.py is the contract that a new Django has to keep.
"""

from django.db import NotSupportedError, models
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

    def get_object(self, instance):
        if not self.field.or_else:
            return super().get_object(instance)
        column, stand_in = self.field.or_else
        own = getattr(instance, column)
        rows = self.get_queryset(instance=instance).filter(
            self.field.get_reverse_related_filter(instance), **{f"{column}__in": [own, stand_in]}
        )
        found = sorted(rows, key=lambda row: getattr(row, column) != own)
        if not found:
            raise self.field.remote_field.model.DoesNotExist
        return found[0]

    def get_prefetch_querysets(self, instances, querysets=None):
        if self.field.or_else:
            raise NotSupportedError(f"Use select_related({self.field.name!r}): one row joins many.")
        return super().get_prefetch_querysets(instances, querysets)


class SoftJoin(models.ForeignObject):
    """
    A to-one LEFT JOIN on the columns named in `on`, for a proxy model.

    `or_else` is one of those columns and a value: where no row has the local value of the
    column, the row that has this value stands in.
    """

    forward_related_accessor_class = SoftJoinDescriptor

    def __init__(self, to, *, on, or_else=None):
        self.or_else = or_else
        self.on = on
        columns = [name for name in on if or_else is None or name != or_else[0]]
        super().__init__(
            to,
            on_delete=models.DO_NOTHING,  # anything else reaches across the boundary
            from_fields=columns,
            to_fields=columns,
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

    def get_extra_restriction(self, alias, related_alias):
        return self.or_else and OwnOrElse(self, alias, related_alias)


class OwnOrElse:
    """The part of a join's condition that prefers the own row to the one that stands in."""

    def __init__(self, field, alias, local_alias):
        self.field, self.alias, self.local_alias = field, alias, local_alias

    def as_sql(self, compiler, connection, one_of="{theirs} IN ({ours}, %s)"):
        name, stand_in = self.field.or_else
        remote = self.field.remote_field.model._meta
        quote = connection.ops.quote_name
        alias, local = map(compiler.quote_name_unless_alias, (self.alias, self.local_alias))

        def columns(name):
            return (
                quote(remote.get_field(name).column),
                quote(self.field.model._meta.get_field(name).column),
            )

        theirs, ours = columns(name)
        theirs, ours = f"{alias}.{theirs}", f"{local}.{ours}"
        same_key = " AND ".join(
            f"own.{their} = {local}.{our}" for their, our in map(columns, self.field.on)
        )
        # The list comes first: by it an index of the whole key is used for both rows.
        either = one_of.format(theirs=theirs, ours=ours)
        own = f"SELECT 1 FROM {quote(remote.db_table)} own WHERE {same_key}"  # noqa: S608  # names of columns
        return f"{either} AND ({theirs} = {ours} OR NOT EXISTS ({own}))", [stand_in]

    def as_postgresql(self, compiler, connection):
        # Which takes IN for an OR, unless all in the list is constant.
        return self.as_sql(compiler, connection, one_of="{theirs} = ANY (ARRAY[{ours}, %s])")
