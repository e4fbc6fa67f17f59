"""The hot statement of tokens, bare: each host of a fleet shows its token four times a minute."""

import json
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import connection
from knox.crypto import hash_token

from portatlas.tokens.models import Token
from portatlas.tokens.services import USED_EVERY

# What Django asks in three statements: the token with its user, the permissions that the user has
# been given, and those of his groups.
OPENED = """
SELECT token.id, token.name, token.token_key, token.host_id, token.scopes, owner.id, owner.username,
    token.last_used_at IS NULL OR token.last_used_at <= %(before)s,
    owner.is_superuser OR EXISTS (
        SELECT 1 FROM auth_permission permission
        JOIN django_content_type about ON about.id = permission.content_type_id
        WHERE about.app_label = %(app)s AND permission.codename = %(codename)s AND (
            EXISTS (
                SELECT 1 FROM auth_user_user_permissions given
                WHERE given.permission_id = permission.id AND given.user_id = owner.id
            ) OR EXISTS (
                SELECT 1 FROM auth_group_permissions given
                JOIN auth_user_groups member ON member.group_id = given.group_id
                WHERE given.permission_id = permission.id AND member.user_id = owner.id
            )
        )
    )
FROM tokens_token token JOIN auth_user owner ON owner.id = token.user_id
WHERE token.digest = %(digest)s AND token.revoked_at IS NULL AND owner.is_active
    AND (token.expiry IS NULL OR token.expiry > %(at)s)
"""


def opened(secret: str, permission: str, at: datetime) -> tuple[Token, bool] | None:
    """
    Return the live token of an active user that a secret opens, None if there is none.

    With it, whether its use is to be noted. Token and user have only what is needed to name them,
    and of the permissions of the user nothing but whether he has this one: they are not to be
    saved.
    """
    app, _, codename = permission.partition(".")
    time = connection.ops.adapt_datetimefield_value
    values = {
        "digest": hash_token(secret),
        "app": app,
        "codename": codename,
        "at": time(at),
        "before": time(at - USED_EVERY),
    }
    with connection.cursor() as cursor:
        cursor.execute(OPENED, values)
        row = cursor.fetchone()
    if row is None:
        return None
    pk, name, key, host_id, scopes, user_pk, username, is_due, may = row
    user = get_user_model()(id=user_pk, username=username)
    user._perm_cache = {permission} if may else set()  # noqa: SLF001  # where Django keeps them
    token = Token(id=pk, name=name, token_key=key, host_id=host_id, user=user)
    token.scopes = json.loads(scopes)
    return token, bool(is_due)
