"""The user pool, its client, and users in it."""

import contextlib

from localcloud.aws import PREFIX, Aws


def ensure_user(aws: Aws, pool_id: str, username: str, password: str, *, permanent: bool) -> None:
    """A user with a verified email address. A password that is not permanent must be changed at log-in."""
    attributes = [
        {"Name": "email", "Value": f"{username}@example.com"},
        {"Name": "email_verified", "Value": "true"},
    ]
    with contextlib.suppress(aws.cognito_idp.exceptions.UsernameExistsException):
        aws.cognito_idp.admin_create_user(
            UserPoolId=pool_id, Username=username, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
    aws.cognito_idp.admin_set_user_password(
        UserPoolId=pool_id, Username=username, Password=password, Permanent=permanent
    )


def ensure_user_pool(aws: Aws) -> str:
    """The pool's id."""
    pools = aws.cognito_idp.list_user_pools(MaxResults=60)["UserPools"]
    for pool in pools:
        if pool["Name"] == PREFIX:
            return str(pool["Id"])
    created = aws.cognito_idp.create_user_pool(
        PoolName=PREFIX,
        Policies={
            "PasswordPolicy": {
                "MinimumLength": 12,
                "RequireLowercase": True,
                "RequireNumbers": True,
                "RequireUppercase": False,
                "RequireSymbols": False,
                "TemporaryPasswordValidityDays": 7,
            }
        },
        UsernameConfiguration={"CaseSensitive": False},
        AutoVerifiedAttributes=["email"],
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": False},
        DeletionProtection="INACTIVE",
        Schema=[
            {
                "Name": "email",
                "AttributeDataType": "String",
                "Required": True,
                "Mutable": True,
                "StringAttributeConstraints": {"MinLength": "0", "MaxLength": "2048"},
            }
        ],
        # A new address replaces the old one only after its code was entered.
        UserAttributeUpdateSettings={"AttributesRequireVerificationBeforeUpdate": ["email"]},
        AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
    )
    pool_id = str(created["UserPool"]["Id"])
    # AWS takes the kinds of second factor only in this call.
    aws.cognito_idp.set_user_pool_mfa_config(
        UserPoolId=pool_id, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL"
    )
    return pool_id


def ensure_user_pool_client(aws: Aws, pool_id: str) -> str:
    """The client's id. The client has a secret, which the functions read from the pool."""
    clients = aws.cognito_idp.list_user_pool_clients(UserPoolId=pool_id, MaxResults=60)["UserPoolClients"]
    for client in clients:
        if client["ClientName"] == PREFIX:
            return str(client["ClientId"])
    created = aws.cognito_idp.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName=PREFIX,
        GenerateSecret=True,
        EnablePropagateAdditionalUserContextData=True,
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        PreventUserExistenceErrors="ENABLED",
        EnableTokenRevocation=True,
        IdTokenValidity=60,
        AccessTokenValidity=60,
        RefreshTokenValidity=30,
        TokenValidityUnits={"IdToken": "minutes", "AccessToken": "minutes", "RefreshToken": "days"},
    )
    return str(created["UserPoolClient"]["ClientId"])
