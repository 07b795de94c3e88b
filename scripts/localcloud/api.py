"""The HTTP API: routes, integrations, and what checks tokens before them."""

import contextlib

from localcloud.aws import ACCOUNT, PREFIX, STAGE, Aws, function_arn, function_name
from localcloud.process import REGION, Cloud
from support.common import Failure
from support.table import Function

# MiniStack takes the API's id from a tag, so that the base URL stays the same over restarts.
API_ID = "yourplace"


def base_url(cloud: Cloud) -> str:
    """The API's address."""
    # Another host than the presigned URLs' (`localhost`): a client that follows a redirect to one then drops
    # the header `Authorization`, which S3 would refuse beside the signature in the URL.
    return f"http://127.0.0.1:{cloud.port}/_aws/execute-api/{API_ID}/{STAGE}"


def make_api(aws: Aws, functions: list[Function], issuer: str, client_id: str, authorizer: str) -> None:
    """Makes the API anew: nothing in it is worth keeping, and so no route outlives its table entry."""
    api = aws.apigatewayv2
    if any(found["ApiId"] == API_ID for found in api.get_apis()["Items"]):
        api.delete_api(ApiId=API_ID)
    api.create_api(
        Name=PREFIX,
        ProtocolType="HTTP",
        Tags={"ms-custom-id": API_ID},
        CorsConfiguration={
            "AllowOrigins": ["*"],
            "AllowMethods": ["GET", "POST", "PUT", "PATCH"],
            "AllowHeaders": [
                "authorization",
                "jwt",
                "content-type",
                "content-disposition",
                "accept",
                "if-none-match",
            ],
            "ExposeHeaders": ["etag", "location", "www-authenticate"],
            "MaxAge": 3600,
        },
    )
    guard = _create_authorizer(aws, functions, issuer, client_id, authorizer)
    for function in functions:
        if function.routes or function.authorizer:
            _let_api_call(aws, function.name)
        if not function.routes:
            continue
        integration = api.create_integration(
            ApiId=API_ID,
            IntegrationType="AWS_PROXY",
            IntegrationUri=function_arn(function.name),
            PayloadFormatVersion="2.0",
        )
        for route in function.routes:
            api.create_route(
                ApiId=API_ID,
                RouteKey=route,
                Target=f"integrations/{integration['IntegrationId']}",
                **(guard if function.needs_token else {}),
            )
    api.create_stage(ApiId=API_ID, StageName=STAGE, AutoDeploy=True)


def _create_authorizer(
    aws: Aws, functions: list[Function], issuer: str, client_id: str, authorizer: str
) -> dict[str, str]:
    """The authorizer, as arguments of the routes it guards."""
    if authorizer == "jwt":
        created = aws.apigatewayv2.create_authorizer(
            ApiId=API_ID,
            Name="jwt",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": issuer, "Audience": [client_id]},
        )
        return {"AuthorizationType": "JWT", "AuthorizerId": created["AuthorizerId"]}
    names = [function.name for function in functions if function.authorizer]
    if not names:
        raise Failure(
            "`--authorizer lambda` needs a function with the trigger `authorizer` in lambdas/functions.json."
        )
    arn = function_arn(names[0])
    # No identity source and no cache: either of two headers may carry the token.
    created = aws.apigatewayv2.create_authorizer(
        ApiId=API_ID,
        Name="lambda",
        AuthorizerType="REQUEST",
        IdentitySource=[],
        AuthorizerResultTtlInSeconds=0,
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        AuthorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
    )
    return {"AuthorizationType": "CUSTOM", "AuthorizerId": created["AuthorizerId"]}


def _let_api_call(aws: Aws, name: str) -> None:
    with contextlib.suppress(aws.lambda_.exceptions.ResourceConflictException):
        aws.lambda_.add_permission(
            FunctionName=function_name(name),
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/*",
        )
