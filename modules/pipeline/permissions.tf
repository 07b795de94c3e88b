# What a deployment of a stage may read (plan) and change (apply), and the two permissions boundaries:
#
# * `deploy_boundary` applies to the pipeline's own plan and apply roles. It limits whatever they are granted later.
# * `functions_boundary` must be on every role that an apply creates. A function can never do more than this, so someone
#   who can push code cannot give it more permissions than the functions have today.
#
# Two things are left out on purpose: deleting a bucket, a table or a user pool (a plan that would replace one fails in
# the pipeline), and reading or writing the objects in the photo bucket.

locals {
  # Every named resource of a stage has this name or this prefix.
  prefix = { for stage in keys(local.stages) : stage => "${var.name}-${stage}" }

  photo_buckets = { for stage, s in local.stages : stage => "arn:${local.partition}:s3:::${s.bucket}" }
  state_bucket  = "arn:${local.partition}:s3:::${var.state_bucket}"
  mail_identities = {
    for stage, s in local.stages : stage => s.mail_identity == null ? [] : ["${local.arn.ses}:identity/${s.mail_identity}"]
  }

  # One entry for each kind of resource in the root module. Plan and apply get `read`, only apply gets `write`.
  # scripts/terraform_checks/provider_calls.toml lists the calls that need these permissions. A test fails if one is
  # missing, and if one is not needed. Some reads have wildcards, because a new version of the provider may read one more
  # setting of a function, bucket or table. They cover only those of this stage.
  permissions = {
    for stage, prefix in local.prefix : stage => [
      {
        sid  = "Functions"
        read = ["lambda:Get*", "lambda:List*"]
        write = [
          "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteLayerVersion",
          "lambda:PublishLayerVersion", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource",
          "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
        ]
        resources = ["${local.arn.lambda}:function:${prefix}-*", "${local.arn.lambda}:layer:${prefix}-*"]
      },
      {
        sid   = "EventSources"
        read  = []
        write = ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
        # AWS gives a mapping a random id. The condition restricts it to this stage's functions.
        resources = ["${local.arn.lambda}:event-source-mapping:*"]
        condition = { ArnLike = { "lambda:FunctionArn" = "${local.arn.lambda}:function:${prefix}-*" } }
      },
      {
        sid   = "ReadEventSources"
        read  = ["lambda:GetEventSourceMapping"]
        write = []
        # `*`, without a condition: the provider reads a deleted mapping until it is gone, and a mapping that is gone has
        # neither an ARN nor a function.
        resources = ["*"]
      },
      {
        sid   = "EventSourceTags"
        read  = ["lambda:ListTags"]
        write = ["lambda:TagResource", "lambda:UntagResource"]
        # Lambda does not tell these actions which function a mapping belongs to. A mapping that is being created has no
        # tags yet. Mappings of other stages have their stage's tag, so they cannot be tagged again.
        resources = ["${local.arn.lambda}:event-source-mapping:*"]
        condition = { StringEqualsIfExists = { "aws:ResourceTag/Stage" = stage } }
      },
      {
        sid   = "NewEventSources"
        read  = []
        write = ["lambda:CreateEventSourceMapping"]
        # `*`: IAM has no resource type for creating a mapping. The condition restricts it to this stage's functions.
        resources = ["*"]
        condition = { ArnLike = { "lambda:FunctionArn" = "${local.arn.lambda}:function:${prefix}-*" } }
      },
      {
        sid   = "Api"
        read  = ["apigateway:GET"]
        write = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource", "apigateway:UntagResource"]
        # AWS gives an API a random id, and its routes and integrations have no tags that would tell the stages apart.
        # So this covers every API of the region in this account.
        resources = [
          "arn:${local.partition}:apigateway:${local.region}::/apis", "arn:${local.partition}:apigateway:${local.region}::/apis/*",
          "arn:${local.partition}:apigateway:${local.region}::/tags/*",
        ]
      },
      {
        sid  = "Users"
        read = ["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolClient", "cognito-idp:GetUserPoolMfaConfig", "cognito-idp:ListTagsForResource"]
        write = [
          "cognito-idp:CreateUserPoolClient", "cognito-idp:DeleteUserPoolClient", "cognito-idp:SetUserPoolMfaConfig",
          "cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:UpdateUserPool", "cognito-idp:UpdateUserPoolClient",
        ]
        # AWS gives a pool a random id. The tag restricts access to this stage. An imported pool must already have the
        # tag.
        resources = ["${local.arn["cognito-idp"]}:userpool/*"]
        condition = { StringEquals = { "aws:ResourceTag/Stage" = stage } }
      },
      {
        sid   = "NewUsers"
        read  = []
        write = ["cognito-idp:CreateUserPool"]
        # `*`: a new pool has no ARN yet. It must be created with this stage's tag.
        resources = ["*"]
        condition = { StringEquals = { "aws:RequestTag/Stage" = stage } }
      },
      {
        sid = "PhotoBucket"
        read = [
          "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
          "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListTagsForResource",
        ]
        write = [
          "s3:CreateBucket", "s3:DeleteBucketPolicy", "s3:PutBucketCORS", "s3:PutBucketNotification", "s3:PutBucketOwnershipControls",
          "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
          "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:TagResource", "s3:UntagResource",
        ]
        # The bucket itself, not its objects. The bucket's settings are included, so this role could still open the
        # bucket by changing its policy.
        resources = [local.photo_buckets[stage]]
      },
      {
        sid  = "Tables"
        read = ["dynamodb:Describe*", "dynamodb:ListTagsOfResource"]
        write = [
          "dynamodb:CreateTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups",
          "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
        ]
        resources = ["${local.arn.dynamodb}:table/${prefix}-*"]
      },
      {
        sid       = "Queues"
        read      = ["sqs:GetQueueAttributes", "sqs:ListQueueTags"]
        write     = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
        resources = ["${local.arn.sqs}:${prefix}-*"]
      },
      {
        sid       = "Topics"
        read      = ["sns:GetTopicAttributes", "sns:ListTagsForResource"]
        write     = ["sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:UntagResource"]
        resources = ["${local.arn.sns}:${prefix}-*"]
      },
      {
        sid   = "Subscriptions"
        read  = ["sns:GetSubscriptionAttributes"]
        write = ["sns:SetSubscriptionAttributes", "sns:Unsubscribe"]
        # `*`: IAM has no resource type for these three.
        resources = ["*"]
      },
      {
        sid       = "Schedules"
        read      = ["scheduler:GetSchedule"]
        write     = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"]
        resources = ["${local.arn.scheduler}:schedule/*/${prefix}-*"]
      },
      {
        sid  = "LogGroups"
        read = ["logs:ListTagsForResource"]
        write = [
          "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy",
          "logs:TagResource", "logs:UntagResource",
        ]
        resources = [
          "${local.arn.logs}:log-group:/aws/lambda/${prefix}-*",
          "${local.arn.logs}:log-group:/aws/apigateway/${prefix}", "${local.arn.logs}:log-group:/aws/apigateway/${prefix}:*",
        ]
      },
      {
        sid  = "LogDelivery"
        read = ["logs:DescribeLogGroups"]
        write = [
          "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
          "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ]
        # `*`: API Gateway's access log needs these of its caller. IAM has no resource type for them, nor for listing
        # log groups.
        resources = ["*"]
      },
      {
        sid       = "Alarms"
        read      = ["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"]
        write     = ["cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
        resources = ["${local.arn.cloudwatch}:alarm:${prefix}-*", "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${prefix}*"]
      },
      {
        sid   = "ListAlarms"
        read  = ["cloudwatch:DescribeAlarms"]
        write = []
        # `*`: AWS denies DescribeAlarms on any narrower resource.
        resources = ["*"]
      },
      {
        sid  = "MailIdentity"
        read = ["ses:GetEmailIdentity", "ses:ListTagsForResource"]
        write = [
          "ses:CreateEmailIdentity", "ses:DeleteEmailIdentity", "ses:PutEmailIdentityConfigurationSetAttributes",
          "ses:PutEmailIdentityDkimSigningAttributes", "ses:TagResource", "ses:UntagResource",
        ]
        resources = local.mail_identities[stage]
      },
      {
        sid       = "Roles"
        read      = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:ListRoleTags"]
        write     = ["iam:DeleteRole", "iam:ListInstanceProfilesForRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"]
        resources = ["${local.iam}:role/${prefix}-*"]
      },
      {
        # A role cannot be created without the boundary, and the policies of a role without it cannot be changed.
        # Nothing grants iam:DeleteRolePermissionsBoundary, so the boundary cannot be removed.
        sid       = "BoundedRoles"
        read      = []
        write     = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
        resources = ["${local.iam}:role/${prefix}-*"]
        condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.functions_boundary[stage].arn } }
      },
      {
        sid       = "PassRoles"
        read      = []
        write     = ["iam:PassRole"]
        resources = ["${local.iam}:role/${prefix}-*"]
        condition = { StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "scheduler.amazonaws.com"] } }
      },
      {
        # Creating an account's first API also creates API Gateway's service-linked role.
        sid       = "ApiGatewayRole"
        read      = []
        write     = ["iam:CreateServiceLinkedRole"]
        resources = ["${local.iam}:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"]
        condition = { StringEquals = { "iam:AWSServiceName" = "ops.apigateway.amazonaws.com" } }
      },
    ]
  }

  # The entries above as IAM statements, by action and stage.
  deploy_statements = {
    for action in ["plan", "apply"] : action => {
      for stage, groups in local.permissions : stage => [
        for g in groups : {
          for key, value in {
            Sid       = g.sid
            Effect    = "Allow"
            Action    = action == "apply" ? concat(g.read, g.write) : g.read
            Resource  = g.resources
            Condition = try(g.condition, null)
          } : key => value if value != null
        } if length(g.resources) > 0 && (action == "apply" || length(g.read) > 0)
      ]
    }
  }

  # Only an apply writes the state. A plan takes the lock, so that it never reads a half-written state.
  state_statements = {
    for key, build in local.builds : key => [
      {
        Sid      = "State"
        Effect   = "Allow"
        Action   = build.action == "apply" ? ["s3:GetObject", "s3:PutObject"] : ["s3:GetObject"]
        Resource = ["${local.state_bucket}/${build.stage}/terraform.tfstate"]
      },
      {
        Sid      = "StateLock"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = ["${local.state_bucket}/${build.stage}/terraform.tfstate.tflock"]
      },
      {
        # Terraform lists the bucket to find workspaces.
        Sid      = "StateBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [local.state_bucket]
      },
    ] if build.stage != null
  }
}

resource "aws_iam_policy" "functions_boundary" {
  for_each = local.stages

  name = "${local.own}-${each.key}-functions-boundary"
  # Changing the description would replace the policy, which AWS refuses while a role has it as its boundary.
  description = "The most that a role made by deployments of ${var.name} ${each.key} can do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${local.arn.logs}:log-group:/aws/lambda/${local.prefix[each.key]}-*"]
        },
        {
          Sid    = "Objects"
          Effect = "Allow"
          Action = [
            "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
          ]
          Resource = ["${local.photo_buckets[each.key]}/*"]
        },
        {
          # Only bytes that were never accepted may be deleted for good. Photos stay restorable.
          Sid      = "IncomingVersions"
          Effect   = "Allow"
          Action   = ["s3:DeleteObjectVersion"]
          Resource = ["${local.photo_buckets[each.key]}/incoming/*"]
        },
        {
          Sid      = "ListObjects"
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = [local.photo_buckets[each.key]]
        },
        {
          Sid    = "Items"
          Effect = "Allow"
          Action = [
            "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
            "dynamodb:Query", "dynamodb:UpdateItem",
          ]
          # The wildcard also covers the tables' indexes.
          Resource = ["${local.arn.dynamodb}:table/${local.prefix[each.key]}-*"]
        },
        {
          Sid      = "Messages"
          Effect   = "Allow"
          Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
          Resource = ["${local.arn.sqs}:${local.prefix[each.key]}-*"]
        },
        {
          Sid      = "Invoke"
          Effect   = "Allow"
          Action   = ["lambda:InvokeFunction"]
          Resource = ["${local.arn.lambda}:function:${local.prefix[each.key]}-*"]
        },
        {
          Sid    = "Users"
          Effect = "Allow"
          Action = [
            "cognito-idp:AdminDeleteUser", "cognito-idp:AdminInitiateAuth", "cognito-idp:AdminRespondToAuthChallenge",
            "cognito-idp:DescribeUserPoolClient", "cognito-idp:ListUsers",
          ]
          # AWS gives a pool a random id. The tag restricts access to this stage.
          Resource  = ["${local.arn["cognito-idp"]}:userpool/*"]
          Condition = { StringEquals = { "aws:ResourceTag/Stage" = each.key } }
        },
      ],
      length(local.mail_identities[each.key]) == 0 ? [] : [{
        Sid      = "Mail"
        Effect   = "Allow"
        Action   = ["ses:SendEmail"]
        Resource = local.mail_identities[each.key]
      }],
    )
  })
}

resource "aws_iam_policy" "deploy_boundary" {
  for_each = local.stages

  name = "${local.own}-${each.key}-deploy-boundary"
  # Changing the description would replace the policy, which AWS refuses while a role has it as its boundary.
  description = "The most that the pipeline's own roles for ${var.name} ${each.key} can do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # All actions of these services, but only on resources named for this stage.
          Sid    = "Named"
          Effect = "Allow"
          Action = ["cloudwatch:*", "dynamodb:*", "lambda:*", "logs:*", "scheduler:*", "sns:*", "sqs:*"]
          Resource = flatten([
            for g in local.permissions[each.key] : g.resources
            if contains(["Functions", "Tables", "Queues", "Topics", "Schedules", "LogGroups", "Alarms"], g.sid)
          ])
        },
        {
          Sid      = "NeverDelete"
          Effect   = "Deny"
          Action   = ["dynamodb:DeleteTable", "dynamodb:DeleteBackup", "s3:DeleteBucket"]
          Resource = ["*"] # `*` in a Deny covers every resource.
        },
        {
          Sid      = "Buckets"
          Effect   = "Allow"
          Action   = ["s3:*"]
          Resource = [local.photo_buckets[each.key], local.state_bucket, "${local.state_bucket}/${each.key}/*", aws_s3_bucket.artifacts.arn, "${aws_s3_bucket.artifacts.arn}/*"]
        },
        {
          Sid      = "NeverOpenState"
          Effect   = "Deny"
          Action   = ["s3:PutBucket*", "s3:DeleteBucketPolicy", "s3:PutLifecycleConfiguration", "s3:PutEncryptionConfiguration"]
          Resource = [local.state_bucket, aws_s3_bucket.artifacts.arn]
        },
        {
          Sid    = "Builds"
          Effect = "Allow"
          Action = ["logs:CreateLogStream", "logs:PutLogEvents", "codebuild:*"]
          Resource = [
            "${local.arn.logs}:log-group:/aws/codebuild/${local.own}-${each.key}-*",
            "${local.arn.codebuild}:report-group/${local.own}-${each.key}-*",
          ]
        },
      ],
      # A managed policy may have at most 6,144 characters. So these have no Sids, and those with the same resources and
      # conditions are merged.
      [for same in values({
        for s in local.deploy_statements["apply"][each.key] : jsonencode([s.Resource, try(s.Condition, null)]) => s...
        if !contains(["Functions", "Tables", "Queues", "Topics", "Schedules", "LogGroups", "Alarms", "PhotoBucket"], s.Sid)
        }) : merge(
        { Effect = "Allow", Action = flatten(same[*].Action), Resource = same[0].Resource },
        { for key, value in { Condition = try(same[0].Condition, null) } : key => value if value != null },
      )],
    )
  })

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= 6144
      error_message = "The boundary for ${each.key} exceeds IAM's limit of 6,144 characters. Use shorter stage names, or allow fewer kinds of resources in permissions.tf."
    }
  }
}
