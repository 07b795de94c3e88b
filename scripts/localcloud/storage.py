"""The bucket and the tables. Each is created unless it exists, and gets its settings anew."""

from typing import Any

from localcloud.aws import Aws, full_name
from support.manifest import Prefix, Table

BUCKET = "yourplace"
_OLD_VERSION_DAYS = 30


def ensure_bucket(aws: Aws, prefixes: list[Prefix]) -> None:
    """The bucket: private, encrypted, versioned, with the lifecycle of its prefixes."""
    if not any(bucket["Name"] == BUCKET for bucket in aws.s3.list_buckets()["Buckets"]):
        aws.s3.create_bucket(Bucket=BUCKET)
    aws.s3.put_public_access_block(
        Bucket=BUCKET,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    aws.s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    aws.s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    old_versions = {
        "ID": "old-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": _OLD_VERSION_DAYS},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }
    aws.s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={"Rules": [old_versions, *(_lifecycle(prefix) for prefix in prefixes)]},
    )
    # Web pages read photos through presigned URLs.
    aws.s3.put_bucket_cors(
        Bucket=BUCKET,
        CORSConfiguration={
            "CORSRules": [
                {
                    "AllowedHeaders": ["*"],
                    "AllowedMethods": ["GET", "HEAD", "PUT"],
                    "AllowedOrigins": ["*"],
                    "ExposeHeaders": ["Content-Disposition", "ETag"],
                    "MaxAgeSeconds": 3600,
                }
            ]
        },
    )


def _lifecycle(prefix: Prefix) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "ID": prefix.name,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix.name},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": prefix.expires_days or 1},
    }
    if prefix.expires_days:
        rule["Expiration"] = {"Days": prefix.expires_days}
        rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": 1}
    return rule


def ensure_table(aws: Aws, table: Table) -> None:
    """A table with its indexes, its TTL and point-in-time recovery."""
    name = full_name(table.name)
    if name not in aws.dynamodb.list_tables()["TableNames"]:
        indexes = [
            {
                "IndexName": index.name,
                "KeySchema": _keys(index.hash_key, index.range_key),
                "Projection": {"ProjectionType": index.projection},
            }
            for index in table.indexes
        ]
        aws.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": kind}
                for attribute, kind in table.attributes.items()
            ],
            KeySchema=_keys(table.hash_key, table.range_key),
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )
        if table.ttl:
            aws.dynamodb.update_time_to_live(
                TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": table.ttl}
            )
    aws.dynamodb.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _keys(hash_key: str, range_key: str | None) -> list[dict[str, str]]:
    keys = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    if range_key is not None:
        keys.append({"AttributeName": range_key, "KeyType": "RANGE"})
    return keys
