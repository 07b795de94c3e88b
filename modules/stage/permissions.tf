# What a deployment of the stage may read (plan) and change (apply), and the two permissions boundaries:
#
# * `deploy_boundary` applies to the roles that a plan and an apply assume. It limits whatever they are granted later.
# * `functions_boundary` must be on every role that an apply creates. A function can never do more than this, so someone
#   who can push code cannot give it more permissions than the functions have today.
#
# Three things are left out on purpose: deleting a table, a user pool or the API (a plan that would replace one fails in
# the pipeline), the settings that protect the buckets, and the photos.

locals {
  cloudfront      = "arn:${local.partition}:cloudfront::${local.account}"
  mail_identities = [for identity in local.mail_identity[*] : "${local.arn.ses}:identity/${identity}"]

  # AWS gives user pools, distributions and event source mappings random ids. So these two tags say whose they are, which
  # the provider gives them (`default_tags`). The stage is not enough: other projects in the account may have one named
  # the same.
  tags      = { Project = var.name, Stage = var.stage }
  has_tags  = { for name, value in local.tags : "aws:ResourceTag/${name}" => value }
  gets_tags = { for name, value in local.tags : "aws:RequestTag/${name}" => value }

  # One entry for each kind of resource in the root module. Plan and apply get `read`, only apply gets `write`.
  # scripts/terraform_checks/provider_calls.toml lists the calls that need these permissions. A test fails if one is
  # missing, and if one is not needed. Some reads have wildcards, because a new version of the provider may read one more
  # setting of a function, bucket or table. They cover only those of this stage.
  #
  # `bound` is what the boundary allows instead, on the same resources: patterns, because it may have at most 6,144
  # characters.
  permissions = [
    {
      sid  = "Functions"
      read = ["lambda:Get*", "lambda:List*"]
      write = [
        "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias", "lambda:DeleteFunction",
        "lambda:DeleteFunctionConcurrency", "lambda:DeleteLayerVersion", "lambda:PublishLayerVersion", "lambda:PublishVersion",
        "lambda:PutFunctionConcurrency", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource",
        "lambda:UpdateAlias", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      ]
      resources = ["${local.arn.lambda}:function:${local.prefix}-*", "${local.arn.lambda}:layer:${local.prefix}-*"]
    },
    {
      sid  = "Releases"
      read = ["codedeploy:GetApplication", "codedeploy:GetDeploymentGroup", "codedeploy:ListTagsForResource"]
      write = [
        "codedeploy:CreateApplication", "codedeploy:CreateDeployment", "codedeploy:CreateDeploymentGroup", "codedeploy:DeleteApplication",
        "codedeploy:DeleteDeploymentGroup", "codedeploy:GetApplicationRevision", "codedeploy:GetDeployment",
        "codedeploy:GetDeploymentConfig", "codedeploy:ListDeploymentGroups", "codedeploy:RegisterApplicationRevision",
        "codedeploy:TagResource", "codedeploy:UntagResource", "codedeploy:UpdateDeploymentGroup",
      ]
      # Without StopDeployment, for which IAM has no resource type: it could stop a release of another stage.
      resources = [
        "${local.arn.codedeploy}:application:${local.prefix}", "${local.arn.codedeploy}:deploymentgroup:${local.prefix}/*",
        "${local.arn.codedeploy}:deploymentconfig:CodeDeployDefault.Lambda*",
      ]
    },
    {
      sid   = "EventSources"
      read  = []
      write = ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
      # AWS gives a mapping a random id. The condition restricts it to this stage's functions.
      resources = ["${local.arn.lambda}:event-source-mapping:*"]
      condition = { ArnLike = { "lambda:FunctionArn" = "${local.arn.lambda}:function:${local.prefix}-*" } }
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
      bound = ["lambda:*Tag*"]
      # Lambda does not tell these actions which function a mapping belongs to. A mapping that is being created has no
      # tags yet. Those of other stages and projects have tags of theirs, so they cannot be tagged again.
      resources = ["${local.arn.lambda}:event-source-mapping:*"]
      condition = { StringEqualsIfExists = local.has_tags }
    },
    {
      sid   = "NewEventSources"
      read  = []
      write = ["lambda:CreateEventSourceMapping"]
      # `*`: IAM has no resource type for creating a mapping. The condition restricts it to this stage's functions.
      resources = ["*"]
      condition = { ArnLike = { "lambda:FunctionArn" = "${local.arn.lambda}:function:${local.prefix}-*" } }
    },
    {
      sid   = "Api"
      read  = ["apigateway:GET"]
      write = ["apigateway:PATCH", "apigateway:TagResource", "apigateway:UntagResource"]
      bound = ["apigateway:GET", "apigateway:PATCH", "apigateway:*Tag*"]
      # Only the stage's own API, which the bootstrap has created. AWS gives APIs random ids, and what is below an API
      # has no tags that would tell the stages apart.
      resources = [local.api, "${local.api}/*"]
    },
    {
      sid       = "ApiParts"
      read      = []
      write     = ["apigateway:DELETE", "apigateway:POST"]
      resources = ["${local.api}/*"]
    },
    {
      sid   = "ApiTags"
      read  = []
      write = ["apigateway:DELETE", "apigateway:POST", "apigateway:PUT"]
      # The rest is the ARN of the API or of its stage, encoded for a URL.
      resources = ["arn:${local.partition}:apigateway:${local.region}::/tags/*${aws_apigatewayv2_api.this.id}*"]
    },
    {
      sid  = "Users"
      read = ["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolClient", "cognito-idp:GetUserPoolMfaConfig", "cognito-idp:ListTagsForResource"]
      write = [
        # scripts/smoke makes a user after each release.
        "cognito-idp:AdminCreateUser", "cognito-idp:CreateUserPoolClient", "cognito-idp:DeleteUserPoolClient", "cognito-idp:SetUserPoolMfaConfig",
        "cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:UpdateUserPool", "cognito-idp:UpdateUserPoolClient",
      ]
      bound = ["cognito-idp:AdminCreateUser", "cognito-idp:*UserPoolClient", "cognito-idp:*UserPoolMfaConfig", "cognito-idp:*Tag*", "cognito-idp:DescribeUserPool", "cognito-idp:UpdateUserPool"]
      # An imported pool must already have the tags.
      resources = ["${local.arn["cognito-idp"]}:userpool/*"]
      condition = { StringEquals = local.has_tags }
    },
    {
      sid   = "NewUsers"
      read  = []
      write = ["cognito-idp:CreateUserPool"]
      # `*`: a new pool has no ARN yet. It must be created with the stage's tags.
      resources = ["*"]
      condition = { StringEquals = local.gets_tags }
    },
    {
      sid       = "PhotoBucket"
      read      = ["s3:GetBucketCORS", "s3:GetBucketNotification"]
      write     = ["s3:PutBucketCORS", "s3:PutBucketNotification"]
      bound     = ["s3:*BucketCORS", "s3:*BucketNotification"]
      resources = [module.bucket.arn]
    },
    {
      sid  = "Tables"
      read = ["dynamodb:Describe*", "dynamodb:ListTagsOfResource"]
      write = [
        "dynamodb:CreateTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
      ]
      resources = ["${local.arn.dynamodb}:table/${local.prefix}-*"]
    },
    {
      sid       = "Queues"
      read      = ["sqs:GetQueueAttributes", "sqs:ListQueueTags"]
      write     = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
      resources = ["${local.arn.sqs}:${local.prefix}-*"]
    },
    {
      sid       = "Topics"
      read      = ["sns:GetTopicAttributes", "sns:ListTagsForResource"]
      write     = ["sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:UntagResource"]
      resources = ["${local.arn.sns}:${local.prefix}-*"]
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
      resources = ["${local.arn.scheduler}:schedule/*/${local.prefix}-*"]
    },
    {
      sid  = "LogGroups"
      read = ["logs:ListTagsForResource"]
      write = [
        "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy",
        "logs:TagResource", "logs:UntagResource",
      ]
      resources = [
        "${local.arn.logs}:log-group:/aws/lambda/${local.prefix}-*",
        "${local.arn.logs}:log-group:/aws/apigateway/${local.prefix}", "${local.arn.logs}:log-group:/aws/apigateway/${local.prefix}:*",
      ]
    },
    {
      sid  = "LogDelivery"
      read = ["logs:DescribeLogGroups"]
      write = [
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
        "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
      ]
      bound = ["logs:*LogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:ListLogDeliveries", "logs:PutResourcePolicy"]
      # `*`: API Gateway's access log needs these of its caller. IAM has no resource type for them, nor for listing
      # log groups.
      resources = ["*"]
    },
    {
      sid       = "Alarms"
      read      = ["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"]
      write     = ["cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
      resources = ["${local.arn.cloudwatch}:alarm:${local.prefix}-*", "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${local.prefix}"]
    },
    {
      sid       = "Budgets"
      read      = ["budgets:ListTagsForResource", "budgets:ViewBudget"]
      write     = ["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"]
      resources = ["arn:${local.partition}:budgets::${local.account}:budget/${local.prefix}-*"]
    },
    {
      sid       = "Distributions"
      read      = ["cloudfront:GetDistribution", "cloudfront:ListTagsForResource"]
      write     = ["cloudfront:DeleteDistribution", "cloudfront:UntagResource", "cloudfront:UpdateDistribution"]
      bound     = ["cloudfront:*Distribution", "cloudfront:*Tag*"]
      resources = ["${local.cloudfront}:distribution/*"]
      condition = { StringEquals = local.has_tags }
    },
    {
      sid   = "NewDistributions"
      read  = []
      write = ["cloudfront:CreateDistribution", "cloudfront:TagResource"]
      # One that is being created has no tags yet. IAM cannot tell it from another one without tags, so a deployment could
      # give that one this stage's tags.
      resources = ["${local.cloudfront}:distribution/*"]
      condition = { StringEqualsIfExists = local.has_tags }
    },
    {
      sid       = "DistributionFunctions"
      read      = ["cloudfront:DescribeFunction", "cloudfront:GetFunction"]
      write     = ["cloudfront:CreateFunction", "cloudfront:DeleteFunction", "cloudfront:PublishFunction", "cloudfront:UpdateFunction"]
      resources = ["${local.cloudfront}:function/${local.prefix}-*"]
    },
    {
      sid   = "OriginAccess"
      read  = ["cloudfront:GetOriginAccessControl"]
      write = []
      # They have random ids and no tags, so a deployment may neither change nor delete one: it could be another stage's.
      resources = ["${local.cloudfront}:origin-access-control/*"]
    },
    {
      sid   = "NewOriginAccess"
      read  = []
      write = ["cloudfront:CreateOriginAccessControl"]
      # `*`: IAM has no resource type for creating one.
      resources = ["*"]
    },
    {
      sid       = "WebApp"
      read      = []
      write     = ["s3:PutObject"]
      resources = ["${module.web_bucket.arn}/*"]
    },
    {
      sid       = "Firewall"
      read      = ["wafv2:GetWebACL", "wafv2:ListTagsForResource"]
      write     = ["wafv2:CreateWebACL", "wafv2:DeleteWebACL", "wafv2:TagResource", "wafv2:UntagResource", "wafv2:UpdateWebACL"]
      resources = [for rules in ["arn:${local.partition}:wafv2:us-east-1:${local.account}:global/webacl/${local.prefix}/*"] : rules if local.firewall]
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
      bound     = ["ses:*EmailIdentity", "ses:PutEmailIdentity*", "ses:*Tag*"]
      resources = local.mail_identities
    },
    {
      sid       = "Roles"
      read      = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:ListRoleTags"]
      write     = ["iam:DeleteRole", "iam:ListInstanceProfilesForRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"]
      bound     = ["iam:DeleteRole", "iam:GetRole*", "iam:List*Role*", "iam:*agRole", "iam:Update*Role*"]
      resources = ["${local.iam}:role/${local.prefix}-*"]
    },
    {
      # A role cannot be created without the boundary, and the policies of a role without it cannot be changed.
      # Nothing grants iam:DeleteRolePermissionsBoundary, so the boundary cannot be removed.
      sid       = "BoundedRoles"
      read      = []
      write     = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
      resources = ["${local.iam}:role/${local.prefix}-*"]
      condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.functions_boundary.arn } }
    },
    {
      # The first pool of an account that sends through SES also creates Cognito's service-linked role for that.
      sid       = "CodesBySesRole"
      read      = []
      write     = ["iam:CreateServiceLinkedRole"]
      resources = ["${local.iam}:role/aws-service-role/email.cognito-idp.amazonaws.com/*"]
    },
    {
      sid       = "PassRoles"
      read      = []
      write     = ["iam:PassRole"]
      resources = ["${local.iam}:role/${local.prefix}-*"]
      condition = { StringEquals = { "iam:PassedToService" = ["codedeploy.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com"] } }
    },
  ]

  # The entries above as IAM statements, by action.
  statements = {
    for action in ["plan", "apply"] : action => [
      for p in local.permissions : {
        for key, value in {
          Sid       = p.sid
          Effect    = "Allow"
          Action    = action == "apply" ? concat(p.read, p.write) : p.read
          Resource  = p.resources
          Condition = try(p.condition, null)
        } : key => value if value != null
      } if length(p.resources) > 0 && (action == "apply" || length(p.read) > 0)
    ]
  }

  bounds = [
    for p in local.permissions : {
      Action    = try(p.bound, concat(p.read, p.write))
      Resource  = p.resources
      Condition = try(p.condition, null)
    } if length(p.resources) > 0 && !contains(local.named, p.sid)
  ]

  # The boundary allows all actions of a service on the resources of these statements, which are named for the stage.
  named = ["Functions", "Releases", "Tables", "Queues", "Topics", "Schedules", "LogGroups", "Alarms", "Budgets", "DistributionFunctions", "Firewall"]
}

resource "aws_iam_policy" "functions_boundary" {
  name = "${local.own}-functions-boundary"
  # Changing the description would replace the policy, which AWS refuses while a role has it as its boundary.
  description = "The most that a role made by deployments of ${var.name} ${var.stage} can do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${local.arn.logs}:log-group:/aws/lambda/${local.prefix}-*"]
        },
        {
          Sid    = "Objects"
          Effect = "Allow"
          Action = [
            "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
          ]
          Resource = ["${module.bucket.arn}/*"]
        },
        {
          # Only bytes that were never accepted may be deleted for good. Photos stay restorable.
          Sid      = "IncomingVersions"
          Effect   = "Allow"
          Action   = ["s3:DeleteObjectVersion"]
          Resource = ["${module.bucket.arn}/incoming/*"]
        },
        {
          Sid      = "ListObjects"
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = [module.bucket.arn]
        },
        {
          Sid    = "Items"
          Effect = "Allow"
          Action = [
            "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
            "dynamodb:Query", "dynamodb:UpdateItem",
          ]
          # The wildcard also covers the tables' indexes.
          Resource = ["${local.arn.dynamodb}:table/${local.prefix}-*"]
        },
        {
          Sid      = "Messages"
          Effect   = "Allow"
          Action   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
          Resource = ["${local.arn.sqs}:${local.prefix}-*"]
        },
        {
          # The schedules, and the role with which CodeDeploy moves the aliases.
          Sid      = "Invoke"
          Effect   = "Allow"
          Action   = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:InvokeFunction", "lambda:UpdateAlias"]
          Resource = ["${local.arn.lambda}:function:${local.prefix}-*"]
        },
        {
          Sid      = "Alarms"
          Effect   = "Allow"
          Action   = ["cloudwatch:DescribeAlarms"]
          Resource = ["*"] # AWS denies DescribeAlarms on any narrower resource.
        },
        {
          Sid    = "Users"
          Effect = "Allow"
          Action = [
            "cognito-idp:AdminDeleteUser", "cognito-idp:AdminInitiateAuth", "cognito-idp:AdminRespondToAuthChallenge",
            "cognito-idp:DescribeUserPoolClient", "cognito-idp:ListUsers",
          ]
          Resource  = ["${local.arn["cognito-idp"]}:userpool/*"]
          Condition = { StringEquals = local.has_tags }
        },
      ],
      length(local.mail_identities) == 0 ? [] : [{
        Sid      = "Mail"
        Effect   = "Allow"
        Action   = ["ses:SendEmail"]
        Resource = local.mail_identities
      }],
    )
  })
}

resource "aws_iam_policy" "deploy_boundary" {
  name = "${local.own}-deploy-boundary"
  # Changing the description would replace the policy, which AWS refuses while a role has it as its boundary.
  description = "The most that the pipeline's own roles for ${var.name} ${var.stage} can do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # All actions of these services, but only on resources named for this stage.
          Sid      = "Named"
          Effect   = "Allow"
          Action   = concat(["budgets:*", "cloudfront:*", "cloudwatch:*", "codedeploy:*", "dynamodb:*", "lambda:*", "logs:*", "scheduler:*", "sns:*", "sqs:*"], local.firewall ? ["wafv2:*"] : [])
          Resource = flatten([for p in local.permissions : p.resources if contains(local.named, p.sid)])
        },
        {
          # Explicit denials. Without them, a policy of a bucket could still give access to these roles.
          Sid    = "Never"
          Effect = "Deny"
          Action = [
            "dynamodb:DeleteBackup", "dynamodb:DeleteTable",
            "s3:DeleteBucket*", "s3:PutBucketAcl", "s3:PutBucketOwnershipControls", "s3:PutBucketP*", "s3:PutBucketVersioning",
            "s3:Put*Configuration",
          ]
          Resource = ["*"] # `*` in a Deny covers every resource.
        },
        {
          Sid         = "NoObjects"
          Effect      = "Deny"
          Action      = ["s3:*Object*", "s3:*MultipartUpload*"]
          NotResource = ["${module.web_bucket.arn}/*"]
        },
      ],
      # A managed policy may have at most 6,144 characters. So these have no Sids, and those with the same condition, or
      # else with the same resources, are merged. Merging does not widen them: an action of one service does not act on
      # the resources of another, and with `*` the condition says which resources.
      [for same in values({ for bound in local.bounds : bound.Condition == null ? jsonencode(bound.Resource) : jsonencode(bound.Condition) => bound... }) : merge(
        {
          Effect   = "Allow"
          Action   = flatten(same[*].Action)
          Resource = contains(flatten(same[*].Resource), "*") ? ["*"] : distinct(flatten(same[*].Resource))
        },
        { for key, value in { Condition = same[0].Condition } : key => value if value != null },
      )],
    )
  })

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= 6144
      error_message = "The boundary for ${var.stage} has ${length(self.policy)} characters. IAM allows 6,144. Use shorter stage names, or allow fewer kinds of resources in permissions.tf."
    }
  }
}
