variable "region" {
  description = "AWS region of the state, the repository and the pipeline; the service is deployed there too."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "state_bucket" {
  description = "Name of the bucket for Terraform's state; null for `yourplace-state-{account}-{region}`."
  type        = string
  default     = null

  validation {
    condition     = var.state_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "state_retention_days" {
  description = "Days for which old versions of a state are kept: how far back a broken state can be restored."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.state_retention_days >= 30 && floor(var.state_retention_days) == var.state_retention_days
    error_message = "state_retention_days must be a whole number, at least 30."
  }
}

variable "stages" {
  description = "Stages in the order in which a push reaches them, with their photo buckets and the mail addresses they send from: the same values as bucket_name and mail_sender in terraform/envs/."
  type = list(object({
    name          = string
    bucket        = string
    mail_identity = optional(string)
  }))
  default  = [{ name = "test", bucket = "yourplace", mail_identity = "no-reply@yourplace.example" }]
  nullable = false
}

variable "production_stages" {
  description = "Names of stages that are production: a person must approve the plan before it is applied."
  type        = set(string)
  default     = ["prod", "production", "live"]
  nullable    = false
}

variable "branch" {
  description = "Branch whose pushes are deployed."
  type        = string
  default     = "main"
  nullable    = false
}

variable "github_repository" {
  description = "`owner/name` of a GitHub repository to deploy from, through CodeConnections; null makes a CodeCommit repository instead."
  type        = string
  default     = null
}

variable "notification_emails" {
  description = "Mail addresses that hear of failures and of plans that wait for approval."
  type        = set(string)
  default     = []
  nullable    = false
}
