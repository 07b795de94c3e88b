"""The queues, and the topics through which they receive the events of the bucket.

The bucket publishes the events of a prefix to one topic, and each queue that consumes them subscribes to it.
"""

import json
from typing import Any

from localcloud.aws import ACCOUNT, Aws, arn, full_name
from localcloud.storage import BUCKET
from support.manifest import Queue

_DAY_SECONDS = 24 * 60 * 60


def ensure_queue(aws: Aws, queue: Queue) -> dict[str, str]:
    """A queue with its dead-letter queue; the values of its placeholders."""
    name = full_name(queue.name)
    queue_arn, dead_arn = arn("sqs", name), arn("sqs", f"{name}-dead")
    dead_url = _ensure(
        aws,
        f"{name}-dead",
        {
            "MessageRetentionPeriod": str(14 * _DAY_SECONDS),
            "RedriveAllowPolicy": json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn]}
            ),
        },
    )
    attributes = {
        "MessageRetentionPeriod": str(4 * _DAY_SECONDS),
        "ReceiveMessageWaitTimeSeconds": "20",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": queue.max_receives}),
        "VisibilityTimeout": str(queue.visibility_timeout),
    }
    topics = [_topic_arn(prefix) for prefix in queue.prefixes]
    if topics:
        attributes["Policy"] = _policy(
            "FromTopics", "sns", "sqs:SendMessage", queue_arn, {"ArnEquals": {"aws:SourceArn": topics}}
        )
    url = _ensure(aws, name, attributes)
    for topic in topics:
        aws.sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"}
        )
    return {
        f"{queue.name}_queue_url": url,
        f"{queue.name}_queue_arn": queue_arn,
        f"{queue.name}_dead_queue_url": dead_url,
        f"{queue.name}_dead_queue_arn": dead_arn,
    }


def ensure_topics(aws: Aws, queues: list[Queue]) -> None:
    """A topic for each prefix that a queue consumes, and the bucket's notifications to it."""
    condition = {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
    notifications = []
    for prefix in sorted({prefix for queue in queues for prefix in queue.prefixes}):
        topic = aws.sns.create_topic(Name=_topic_name(prefix))["TopicArn"]
        policy = _policy("Bucket", "s3", "sns:Publish", topic, condition)
        aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        notifications.append(
            {
                "Id": prefix,
                "TopicArn": topic,
                "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
            }
        )
    aws.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"TopicConfigurations": notifications}
    )


def _topic_name(prefix: str) -> str:
    return full_name(f"{prefix.rstrip('/')}-events")


def _topic_arn(prefix: str) -> str:
    return arn("sns", _topic_name(prefix))


def _policy(sid: str, service: str, action: str, resource: str, condition: dict[str, Any]) -> str:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _ensure(aws: Aws, name: str, attributes: dict[str, str]) -> str:
    url: str = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    shared = {"MaximumMessageSize": str(256 * 1024), "SqsManagedSseEnabled": "true"}
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes | shared)
    return url
