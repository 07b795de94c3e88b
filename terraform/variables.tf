variable "stage" {
  description = "The stage, part of every name and of every path"
  type        = string
  default     = "test"
  nullable    = false

  validation {
    # No hyphen: what may change yourplace-test-* must not reach a stage test-eu.
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.stage)) && !contains(["bootstrap", "pipeline", "state"], var.stage)
    error_message = "The stage must be 2 to 16 lower-case letters and digits, beginning with a letter, and not bootstrap, pipeline or state: those name what is there for all stages."
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
  description = "Whether terraform destroy may take a bucket that still holds photos"
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
  description = "The folder with the zips of scripts/package, below it one folder for each architecture"
  type        = string
  default     = "../dist"
  nullable    = false
}

variable "functions_file" {
  description = "The table of functions"
  type        = string
  default     = "../lambdas/functions.json"
  nullable    = false
}

variable "authorizer" {
  description = "Who checks tokens at the gateway: jwt is API Gateway itself, for the user pool; lambda is the function authorize, for trusted_issuers too"
  type        = string
  default     = "jwt"
  nullable    = false

  validation {
    condition     = contains(["jwt", "lambda"], var.authorizer)
    error_message = "The authorizer must be jwt or lambda."
  }

  validation {
    condition     = var.authorizer != "lambda" || can(jsondecode(file(var.functions_file)).functions.authorize)
    error_message = "The authorizer lambda needs a function authorize in ${var.functions_file}."
  }
}

variable "trusted_issuers" {
  description = "OpenID Connect issuers that are trusted beside the user pool, such as Auth0; their users are named <alias>~<sub>"
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
    error_message = "An issuer must be an https address."
  }

  validation {
    condition     = alltrue([for issuer in var.trusted_issuers : length(issuer.audiences) > 0])
    error_message = "An issuer must have an audience: without one, tokens made for anybody else would do."
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
  description = "Whether functions that check tokens get the extension that keeps the issuers' keys fresh; they work the same without it"
  type        = bool
  default     = true
  nullable    = false
}

variable "cors_origins" {
  description = "The web origins that may call the API from a browser; none by default"
  type        = list(string)
  default     = []
  nullable    = false
}

variable "throttling" {
  description = "Requests a second, and at once, that each route takes before it answers 429"
  type = object({
    rate  = number
    burst = number
  })
  default  = { rate = 100, burst = 200 }
  nullable = false
}

variable "mail_sender" {
  description = "The address that mails about auctions come from; needed as soon as a function sends mail"
  type        = string
  default     = null
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

variable "alarm_email" {
  description = "The address that hears of alarms, once it has confirmed; null for nobody"
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that logs are kept"
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Logs must be kept for a number of days that CloudWatch Logs knows, such as 7, 30 or 90; never for ever."
  }
}

variable "old_version_days" {
  description = "Days that an overwritten or deleted photo can still be brought back"
  type        = number
  default     = 30
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "The policy that bounds every role; the pipeline gives it. Null for none"
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "The permissions boundary must be the ARN of an IAM policy."
  }
}

variable "local_endpoint" {
  description = "The address of a local cloud that stands in for AWS, as in http://localhost:4566; for tests only. Null for AWS"
  type        = string
  default     = null

  validation {
    condition     = var.local_endpoint == null ? true : can(regex("^http://localhost:[0-9]+$", var.local_endpoint))
    error_message = "The local endpoint must be http://localhost:<port>."
  }
}
