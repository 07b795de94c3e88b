"""What keeps data: the bucket, the tables, the queues. Each is made unless it is there."""

import json
from collections.abc import Mapping

from localcloud.aws import ACCOUNT, PREFIX, Aws
from localcloud.process import REGION

BUCKET = "yourplace"
_DEAD_LETTER_SECONDS = 14 * 24 * 60 * 60


def ensure_bucket(aws: Aws) -> None:
    """The bucket: private, encrypted, versioned, readable by pages through presigned URLs."""
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
    # A page that follows the redirect of /download reads the photo from the bucket.
    aws.s3.put_bucket_cors(
        Bucket=BUCKET,
        CORSConfiguration={
            "CORSRules": [
                {
                    "AllowedMethods": ["GET"],
                    "AllowedOrigins": ["*"],
                    "ExposeHeaders": ["Content-Disposition", "ETag"],
                    "MaxAgeSeconds": 3600,
                }
            ]
        },
    )


def ensure_bucket_notification(aws: Aws, queue_arn: str) -> None:
    """Every change of a photo is told to a queue."""
    aws.s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "Id": "photos",
                    "QueueArn": queue_arn,
                    "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "photos/"}]}},
                }
            ]
        },
    )


def ensure_table(aws: Aws, name: str) -> dict[str, str]:
    """A table; its placeholders."""
    full_name = f"{PREFIX}-{name}"
    if full_name not in aws.dynamodb.list_tables()["TableNames"]:
        keys, indexes = ["id"], []
        if name == "auctions":
            keys += ["status", "endingAt"]
            indexes = [
                {
                    "IndexName": "statusAndEndDate",
                    "KeySchema": [
                        {"AttributeName": "status", "KeyType": "HASH"},
                        {"AttributeName": "endingAt", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ]
        aws.dynamodb.create_table(
            TableName=full_name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )
        if name == "mails":
            aws.dynamodb.update_time_to_live(
                TableName=full_name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiresAt"}
            )
    return {
        f"{name}_table": full_name,
        f"{name}_table_arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{full_name}",
    }


def ensure_queue(aws: Aws, name: str, timeouts: list[int]) -> dict[str, str]:
    """A queue for functions with these timeouts in seconds, and its dead letters; its placeholders."""
    full_name = f"{PREFIX}-{name}"
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{full_name}"
    dead_url = aws.sqs.create_queue(QueueName=f"{full_name}-dead")["QueueUrl"]
    url = aws.sqs.create_queue(QueueName=full_name)["QueueUrl"]
    _set_queue_attributes(aws, f"{full_name}-dead", {"MessageRetentionPeriod": str(_DEAD_LETTER_SECONDS)})
    attributes = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{arn}-dead", "maxReceiveCount": 5})}
    if timeouts:
        # Less could hand a message to a second call while the first works on it ("Using Lambda with SQS").
        attributes["VisibilityTimeout"] = str(6 * max(timeouts))
    if name == "index":
        attributes["Policy"] = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "s3.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": arn,
                        "Condition": {
                            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"},
                            "StringEquals": {"aws:SourceAccount": ACCOUNT},
                        },
                    }
                ],
            }
        )
    _set_queue_attributes(aws, full_name, attributes)
    return {
        f"{name}_queue_url": url,
        f"{name}_queue_arn": arn,
        f"{name}_dead_queue_url": dead_url,
        f"{name}_dead_queue_arn": f"{arn}-dead",
    }


def _set_queue_attributes(aws: Aws, full_name: str, attributes: Mapping[str, str]) -> None:
    url = aws.sqs.get_queue_url(QueueName=full_name)["QueueUrl"]
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
