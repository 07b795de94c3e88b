variable "name" {
  description = "Name of the service. It prefixes everything that a deployment makes (`{name}-{stage}-…`)."
  type        = string
  default     = "yourplace"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,19}$", var.name))
    error_message = "name must be 2 to 20 lowercase letters and digits, starting with a letter."
  }
}

variable "stage" {
  description = "Name of the stage."
  type        = string
  nullable    = false

  validation {
    # No hyphens: the role of stage `test` may change `yourplace-test-*`, which would also match a stage `test-eu`.
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.stage)) && !contains(["bootstrap", "pipeline", "state"], var.stage)
    error_message = "A stage name must be 2 to 16 lowercase letters and digits, starting with a letter. It must not be bootstrap, pipeline or state, which name resources shared by all stages."
  }
}

variable "settings" {
  description = "Text of the stage's file in terraform/envs. Used here: `bucket_name`, `old_version_days`, `force_destroy` and `mail_sender`, the SES identity."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("(?m)^bucket_name\\s*=\\s*\"[^\"]+\"", var.settings))
    error_message = "settings must name the bucket: bucket_name = \"…\"."
  }

  validation {
    condition     = !can(regex("(?m)^mail_sender\\s*=\\s*\"[^\"]*[*?/]", var.settings))
    error_message = "mail_sender must be a single email address or domain, without wildcards."
  }

  # Refused here, too: the deployment with these addresses comes an hour later.
  validation {
    condition     = !can(regex("(?m)^(mail_sender|alarm_email)\\s*=\\s*\"[^\"]*\\.example\"", var.settings))
    error_message = "mail_sender and alarm_email are still those of the example: set them to addresses of yours."
  }
}

variable "prefixes" {
  description = "Prefixes of the bucket's keys, as in lambdas/service.json. Objects under one with `expires_days` are deleted after so many days."
  type = map(object({
    expires_days = optional(number)
  }))
  nullable = false
}

variable "pipeline_account" {
  description = "Id of the AWS account with the pipeline. null means this account."
  type        = string
  default     = null

  validation {
    condition     = var.pipeline_account == null || can(regex("^[0-9]{12}$", var.pipeline_account))
    error_message = "pipeline_account must be the 12 digits of an AWS account's id."
  }
}

variable "tls_only" {
  description = "Whether the bucket refuses requests without TLS. Off only for a local cloud that has none."
  type        = bool
  default     = true
  nullable    = false
}
