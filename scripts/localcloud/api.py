"""The HTTP API: routes, integrations, and what checks tokens before them."""

import contextlib
import re

from localcloud.aws import ALIAS, PREFIX, STAGE, Aws, alias_arn, arn, full_name
from localcloud.process import REGION, Cloud
from support.common import Failure
from support.manifest import Function

# MiniStack takes the API's id from a tag, so that the base URL stays the same over restarts.
API_ID = "yourplace"


def base_url(cloud: Cloud) -> str:
    """The API's base URL."""
    # Another host than in presigned URLs (`localhost`): a client that is redirected to one then drops the
    # header `Authorization`, which S3 would refuse beside the signature in the URL.
    return f"http://127.0.0.1:{cloud.port}/_aws/execute-api/{API_ID}/{STAGE}"


def create_api(aws: Aws, functions: list[Function], issuer: str, client_id: str, authorizer: str) -> None:
    """Creates the API anew: it keeps no data, and no route outlives its entry in the manifest."""
    api = aws.apigatewayv2
    if any(found["ApiId"] == API_ID for found in api.get_apis()["Items"]):
        api.delete_api(ApiId=API_ID)
    api.create_api(
        Name=PREFIX,
        Description=f"The HTTP API of {PREFIX}",
        ProtocolType="HTTP",
        Tags={"ms-custom-id": API_ID},
        CorsConfiguration={
            "AllowOrigins": ["*"],
            "AllowMethods": ["DELETE", "GET", "PATCH", "POST", "PUT"],
            "AllowHeaders": [
                "accept",
                "authorization",
                "content-disposition",
                "content-type",
                "idempotency-key",
                "if-none-match",
                "jwt",
            ],
            "ExposeHeaders": ["content-disposition", "etag", "location", "retry-after", "www-authenticate"],
            "MaxAge": 3600,
        },
    )
    guard = _create_authorizer(aws, functions, issuer, client_id, authorizer)
    for function in functions:
        if not function.routes:
            continue
        integration = api.create_integration(
            ApiId=API_ID,
            IntegrationType="AWS_PROXY",
            IntegrationMethod="POST",
            IntegrationUri=_invoke_arn(function),
            PayloadFormatVersion="2.0",
            TimeoutInMillis=30000,
        )
        for route in function.routes:
            api.create_route(
                ApiId=API_ID,
                RouteKey=route,
                Target=f"integrations/{integration['IntegrationId']}",
                **(guard if function.needs_token else {}),
            )
            statement = re.sub(r"[^A-Za-z0-9_]+", "-", route).rstrip("-")
            _let_api_call(aws, function, statement, f"{STAGE}/{route.replace(' ', '')}")
    # Tests call as fast as they can.
    limits = {"ThrottlingRateLimit": 10000.0, "ThrottlingBurstLimit": 5000}
    api.create_stage(ApiId=API_ID, StageName=STAGE, AutoDeploy=True, DefaultRouteSettings=limits)


def _create_authorizer(
    aws: Aws, functions: list[Function], issuer: str, client_id: str, authorizer: str
) -> dict[str, str]:
    """The authorizer, as arguments of the routes that it guards."""
    if authorizer == "jwt":
        created = aws.apigatewayv2.create_authorizer(
            ApiId=API_ID,
            Name=full_name("jwt"),
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": issuer, "Audience": [client_id]},
        )
        return {"AuthorizationType": "JWT", "AuthorizerId": created["AuthorizerId"]}
    function = next((function for function in functions if function.authorizer), None)
    if function is None:
        raise Failure(
            "`--authorizer lambda` needs a function with the trigger `authorizer` in lambdas/service.json."
        )
    # Either of two headers may carry the token, so there is no identity source. Without one, nothing can be
    # cached.
    created = aws.apigatewayv2.create_authorizer(
        ApiId=API_ID,
        Name=full_name("lambda"),
        AuthorizerType="REQUEST",
        IdentitySource=[],
        AuthorizerResultTtlInSeconds=0,
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        AuthorizerUri=_invoke_arn(function),
    )
    _let_api_call(aws, function, "authorizer", f"authorizers/{created['AuthorizerId']}")
    return {"AuthorizationType": "CUSTOM", "AuthorizerId": created["AuthorizerId"]}


def _invoke_arn(function: Function) -> str:
    path = f"2015-03-31/functions/{alias_arn(function.name)}/invocations"
    return f"arn:aws:apigateway:{REGION}:lambda:path/{path}"


def _let_api_call(aws: Aws, function: Function, statement: str, path: str) -> None:
    name = full_name(function.name)
    with contextlib.suppress(aws.lambda_.exceptions.ResourceNotFoundException):
        aws.lambda_.remove_permission(FunctionName=name, Qualifier=ALIAS, StatementId=statement)
    aws.lambda_.add_permission(
        FunctionName=name,
        Qualifier=ALIAS,
        StatementId=statement,
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=arn("execute-api", f"{API_ID}/{path}"),
    )
