variable "stage" {
  description = "The stage, part of every name and of every path"
  type        = string
  default     = "test"
  nullable    = false

  validation {
    # No hyphen: permissions for yourplace-test-* must not include a stage test-eu.
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.stage)) && !contains(["bootstrap", "pipeline", "state"], var.stage)
    error_message = "The stage must be 2 to 16 lower-case letters and digits, beginning with a letter, and not bootstrap, pipeline or state, which name resources that all stages share."
  }
}

variable "region" {
  description = "The AWS region"
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be the name of an AWS region, as in eu-central-1."
  }
}

variable "bucket_name" {
  description = "The photo bucket's name, unique in all of AWS"
  type        = string
  default     = "yourplace"
  nullable    = false
}

variable "force_destroy" {
  description = "Whether terraform destroy also deletes the photos in the bucket. With api_id, terraform/bootstrap decides that"
  type        = bool
  default     = false
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the user pool and the tables; null is yes for the stages prod, production and live"
  type        = bool
  default     = null
}

variable "architecture" {
  description = "The processors the functions run on: arm64 or x86_64"
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture must be arm64 or x86_64."
  }
}

variable "dist_dir" {
  description = "The folder that scripts/package wrote: for each architecture, a folder with the manifest and the zips"
  type        = string
  default     = "../dist"
  nullable    = false

  validation {
    condition     = fileexists("${var.dist_dir}/${var.architecture}/service.json")
    error_message = "There is no checked manifest ${var.dist_dir}/${var.architecture}/service.json. Run scripts/package --arch ${var.architecture}."
  }
}

variable "authorizer" {
  description = "What checks tokens before a function runs: jwt is API Gateway itself, for the user pool; lambda is the authorizer function, for trusted_issuers too"
  type        = string
  default     = "jwt"
  nullable    = false

  validation {
    condition     = contains(["jwt", "lambda"], var.authorizer)
    error_message = "The authorizer must be jwt or lambda."
  }

  validation {
    condition     = var.authorizer != "lambda" || local.authorizer != null
    error_message = "The authorizer lambda needs a function with the trigger authorizer in lambdas/service.json."
  }
}

variable "trusted_issuers" {
  description = "OpenID Connect issuers to trust beside the user pool, such as Auth0; their users are named <alias>~<sub>"
  type = list(object({
    issuer    = string
    jwks_url  = optional(string)
    audiences = list(string)
    alias     = string
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for issuer in var.trusted_issuers : can(regex("^https://[^\\s]+$", issuer.issuer)) || var.local_endpoint != null])
    error_message = "An issuer must be an https URL."
  }

  validation {
    condition     = alltrue([for issuer in var.trusted_issuers : length(issuer.audiences) > 0])
    error_message = "An issuer must have an audience, or tokens issued for other applications would be accepted."
  }

  validation {
    condition     = alltrue([for issuer in var.trusted_issuers : can(regex("^[a-z0-9-]{1,32}$", issuer.alias))])
    error_message = "An issuer's alias must be 1 to 32 of a-z, 0-9 and -."
  }

  validation {
    condition     = length(distinct(var.trusted_issuers[*].alias)) == length(var.trusted_issuers)
    error_message = "Two issuers have the same alias: their users would share folders."
  }
}

variable "layer" {
  description = "Whether functions that check tokens get the extension that keeps the issuers' keys fresh; they also work without it"
  type        = bool
  default     = true
  nullable    = false
}

variable "cors_origins" {
  description = "The web origins besides the web app's that may call the API from a browser; none by default"
  type        = list(string)
  default     = []
  nullable    = false
}

variable "throttling" {
  description = "Requests per second (rate) and at once (burst) that a route accepts; more get a 429"
  type = object({
    rate  = number
    burst = number
  })
  default  = { rate = 100, burst = 200 }
  nullable = false
}

variable "domain" {
  description = "The domain of the web app, and of the API under /api, with its certificate in ACM in us-east-1; null for CloudFront's own domain"
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null
}

variable "firewall" {
  description = "WAF rules for the web app and the API: the requests of one address in 5 minutes, in all and with credentials; null for none"
  type = object({
    requests            = optional(number, 3000)
    credential_requests = optional(number, 100)
  })
  default = null
}

variable "release_traffic" {
  description = "How calls move to a new version of a function: LambdaCanary10Percent5Minutes, LambdaAllAtOnce, or another of CodeDeploy's configurations for Lambda"
  type        = string
  default     = "LambdaCanary10Percent5Minutes"
  nullable    = false
}

variable "account_concurrency" {
  description = "The calls that the account may run at once, over all functions: its Lambda quota \"Concurrent executions\". Null reserves nothing for the heavy functions"
  type        = number
  default     = null

  validation {
    condition     = var.account_concurrency == null ? true : local.reserved_calls + 100 <= var.account_concurrency
    error_message = "The functions reserve ${local.reserved_calls} calls in this stage, and Lambda keeps 100 for the others. Leave account_concurrency out until AWS allows more."
  }
}

variable "mail_sender" {
  description = "The email address that the service sends from; needed if a function sends mail"
  type        = string
  default     = null

  validation {
    condition     = var.mail_sender != null || !strcontains(jsonencode(local.manifest), "{mail_")
    error_message = "A function sends mail: set mail_sender."
  }

  # SES would accept it, and no email would ever go out.
  validation {
    condition     = var.local_endpoint != null || !endswith(coalesce(var.mail_sender, "-"), ".example")
    error_message = "The sender is still the one of the example: set mail_sender to an address or a domain of yours."
  }
}

variable "currency" {
  description = "The currency of all auctions, by its ISO 4217 code"
  type        = string
  default     = "EUR"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z]{3}$", var.currency))
    error_message = "The currency must be three capital letters, as in EUR."
  }
}

variable "quota_bytes" {
  description = "The bytes that a user may store"
  type        = number
  default     = 53687091200 # 50 GiB
  nullable    = false

  validation {
    condition     = var.quota_bytes >= 1 && floor(var.quota_bytes) == var.quota_bytes
    error_message = "The quota must be a whole number of bytes, at least 1."
  }
}

variable "quota_photos" {
  description = "The number of photos that a user may store"
  type        = number
  default     = 500000
  nullable    = false

  validation {
    condition     = var.quota_photos >= 1 && floor(var.quota_photos) == var.quota_photos
    error_message = "The quota must be a whole number of photos, at least 1."
  }
}

variable "trash_days" {
  description = "The days after which photos in the trash are deleted permanently"
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.trash_days >= 1 && var.trash_days <= 3650 && floor(var.trash_days) == var.trash_days
    error_message = "Photos must stay in the trash for a whole number of days, from 1 to 3,650."
  }
}

variable "max_photo_bytes" {
  description = "The size in bytes of the largest photo that is uploaded in parts"
  type        = number
  default     = 209715200 # 200 MiB
  nullable    = false

  validation {
    condition     = var.max_photo_bytes >= 1 && var.max_photo_bytes <= 5368709120000 && floor(var.max_photo_bytes) == var.max_photo_bytes
    error_message = "The largest photo must have a whole number of bytes, at most 5,000 GiB: an upload has at most 1,000 parts of 5 GiB."
  }
}

variable "mfa" {
  description = "Whether users may have a second factor (optional) or must have one (required): codes of an authenticator app"
  type        = string
  default     = "optional"
  nullable    = false

  validation {
    condition     = contains(["optional", "required"], var.mfa)
    error_message = "The second factor is optional or required."
  }
}

variable "max_archive_bytes" {
  description = "The size in bytes of the largest archive that is uploaded in parts"
  type        = number
  default     = 53687091200 # 50 GiB
  nullable    = false

  validation {
    condition     = var.max_archive_bytes >= 1 && var.max_archive_bytes <= 5368709120000 && floor(var.max_archive_bytes) == var.max_archive_bytes
    error_message = "The largest archive must have a whole number of bytes, at most 5,000 GiB: an upload has at most 1,000 parts of 5 GiB."
  }
}

variable "codes_by_ses" {
  description = "Whether the user pool sends its codes from mail_sender, once SES has verified that; otherwise Cognito itself sends at most 50 a day"
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.codes_by_ses || var.mail_sender != null
    error_message = "The user pool needs a sender: set mail_sender."
  }
}

variable "alarm_email" {
  description = "The email address that receives alarms once it has confirmed the subscription; null for none"
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email != null || !local.protected
    error_message = "Nobody would learn of a fault: a protected stage needs alarm_email."
  }

  validation {
    condition     = var.local_endpoint != null || !endswith(coalesce(var.alarm_email, "-"), ".example")
    error_message = "The address for alarms is still the one of the example: set alarm_email to one of yours."
  }
}

variable "bucket_bytes_alarm" {
  description = "The bytes in the photo bucket, old versions included, above which an alarm is raised"
  type        = number
  default     = 1099511627776 # 1 TiB
  nullable    = false

  validation {
    condition     = var.bucket_bytes_alarm >= 1
    error_message = "The alarm must be raised above at least 1 byte."
  }
}

variable "monthly_budget" {
  description = "The US dollars that the account may cost in a month before the alarm topic is notified; null for no budget"
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget == null ? true : var.monthly_budget > 0
    error_message = "The budget must be more than 0 US dollars."
  }
}

variable "log_retention_days" {
  description = "Days to keep logs"
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Logs must be kept for a number of days that CloudWatch Logs accepts, such as 7, 30 or 90."
  }
}

variable "old_version_days" {
  description = "Days that an overwritten or deleted object can be restored. With api_id, terraform/bootstrap decides that"
  type        = number
  default     = 30
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of every role; the pipeline sets it. Null for none"
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "The permissions boundary must be the ARN of an IAM policy."
  }
}

variable "api_id" {
  description = "The API that terraform/bootstrap made for this stage together with the bucket; the pipeline sets it. Null makes both here"
  type        = string
  default     = null

  validation {
    condition     = (var.api_id == null) == (var.permissions_boundary_arn == null)
    error_message = "terraform/bootstrap makes the API and the permissions boundary of a stage: give both api_id and permissions_boundary_arn, or neither."
  }
}

variable "aws_profile" {
  description = "The profile in the AWS configuration file to make all changes with; the pipeline sets it, so that the stage may be in another account than its state. Null for the default credentials"
  type        = string
  default     = null
}

variable "local_endpoint" {
  description = "The endpoint of a local cloud used instead of AWS, as in http://localhost:4566; for tests only. Null for AWS"
  type        = string
  default     = null

  validation {
    condition     = var.local_endpoint == null ? true : can(regex("^http://localhost:[0-9]+$", var.local_endpoint))
    error_message = "The local endpoint must be http://localhost:<port>."
  }
}
