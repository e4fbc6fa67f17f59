"""The description of the API, and two pages that draw it from files of ours."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.urls import path
from django.views.generic import RedirectView
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portatlas.api.schema import described

# Both have small images within their styles. Redoc also makes style elements: empty ones, whose
# rules it then adds one by one, and one of a scroll bar. These two texts are allowed, by their
# digests, and no other.
IMAGES = {"img-src": [SELF, "data:"]}
NO_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
SCROLL_BAR = "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
STYLES = {"style-src-elem": [SELF, NO_STYLE, SCROLL_BAR]}

PAGE = {
    "permission_classes": [IsAuthenticated],
    "authentication_classes": [SessionAuthentication],
}


class Description(APIView):
    """The description of this API, in YAML or JSON."""

    permission_classes = [IsAuthenticated]
    renderer_classes = [
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
        OpenApiJsonRenderer,
        OpenApiJsonRenderer2,
    ]

    @extend_schema(
        operation_id="schema", summary="This description", responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request) -> Response:
        return Response(described())


swagger = SpectacularSwaggerSplitView.as_view(template_name="api/swagger.html", **PAGE)
redoc = SpectacularRedocView.as_view(template_name="api/redoc.html", **PAGE)

urlpatterns = [
    path("", login_required(RedirectView.as_view(pattern_name="api-docs"))),
    path("schema/", Description.as_view(), name="schema"),
    path("docs/", login_required(csp_update(IMAGES)(swagger)), name="api-docs"),
    path("redoc/", login_required(csp_update(IMAGES | STYLES)(redoc)), name="api-redoc"),
]
