variable "region" {
  description = "AWS region of the state bucket, the repository, the pipeline and the service."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "state_bucket" {
  description = "Name of the bucket for Terraform's state. null means `yourplace-state-{account}-{region}`."
  type        = string
  default     = null

  validation {
    condition     = var.state_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be 3 to 63 lowercase letters, digits, dots and hyphens, and start and end with a letter or digit."
  }
}

variable "state_retention_days" {
  description = "Days to keep old versions of a state. A broken state can be restored from any of them."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.state_retention_days >= 30 && floor(var.state_retention_days) == var.state_retention_days
    error_message = "state_retention_days must be a whole number of at least 30."
  }
}

variable "stages" {
  description = "Stages in deployment order. Each has a file in terraform/envs. `deployment`, the output of terraform/bootstrap/stage, is for a stage in another account."
  type = list(object({
    name = string
    deployment = optional(object({
      api_id                   = string
      permissions_boundary_arn = string
      roles                    = object({ plan = string, apply = string })
    }))
  }))
  default  = [{ name = "test" }]
  nullable = false

  validation {
    condition     = alltrue([for s in var.stages : fileexists("${var.envs_dir}/${s.name}.tfvars")])
    error_message = "Each stage needs a file {envs_dir}/{name}.tfvars."
  }
}

variable "envs_dir" {
  description = "The folder with a file {stage}.tfvars for each stage, which the pipeline deploys the stage with."
  type        = string
  default     = "../envs"
  nullable    = false
}

variable "production_stages" {
  description = "Names of the production stages. Their plans are applied only after a person has approved them."
  type        = set(string)
  default     = ["prod", "production", "live"]
  nullable    = false
}

variable "branch" {
  description = "Branch to deploy from."
  type        = string
  default     = "main"
  nullable    = false
}

variable "github_repository" {
  description = "`owner/name` of the GitHub repository to deploy from, through CodeConnections. null creates a CodeCommit repository instead."
  type        = string
  default     = null
}

variable "notification_emails" {
  description = "Email addresses that are notified of failures and of plans that wait for approval."
  type        = set(string)
  default     = []
  nullable    = false
}
