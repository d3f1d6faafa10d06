"""The schema as SDL, for callers who may introspect: in production, a token with the scope `explorer`."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from server.graphql.http import GraphQLEndpoint
from server.http.errors import Code, RequestRefused, refuse
from server.http.request_context import MayIntrospect


class SchemaDocument:
    """Answers GET /schema.graphql under the same rule as introspection."""

    def __init__(self, sdl: str, endpoint: GraphQLEndpoint, may_introspect: MayIntrospect) -> None:
        self._sdl = sdl
        self._endpoint = endpoint
        self._may_introspect = may_introspect

    async def __call__(self, request: Request) -> Response:
        try:
            caller = await self._endpoint.authenticate(request.headers.getlist("authorization"))
            if not self._may_introspect(caller):
                raise _not_allowed(is_signed_in=caller is not None)
        except RequestRefused as refused:
            message = "\n".join(problem.message for problem in refused.problems)
            return PlainTextResponse(f"{message}\n", refused.status, refused.headers)
        return PlainTextResponse(self._sdl, headers={"Vary": "Authorization"})


def _not_allowed(*, is_signed_in: bool) -> RequestRefused:
    challenge = 'Bearer error="insufficient_scope", scope="explorer"' if is_signed_in else "Bearer"
    return refuse(
        "The schema is shown to tokens with the scope explorer.",
        reason="INTROSPECTION_DISABLED",
        code=Code.FORBIDDEN if is_signed_in else Code.UNAUTHENTICATED,
        status=403 if is_signed_in else 401,
        headers={"WWW-Authenticate": challenge},
    )
