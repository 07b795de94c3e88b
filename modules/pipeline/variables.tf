variable "name" {
  description = "Name of the service: prefix of all it deploys (`{name}-{stage}-…`) and of the pipeline's own resources (`{name}-pipeline-…`)."
  type        = string
  default     = "yourplace"
  nullable    = false

  validation {
    # CodePipeline cuts the folder of its artifacts to 20 characters of the pipeline's name: the build roles' policies name it.
    condition     = can(regex("^[a-z][a-z0-9]{1,19}$", var.name))
    error_message = "name must be 2 to 20 lower-case letters and digits, starting with a letter."
  }
}

variable "stages" {
  description = "Stages in the order in which a push reaches them. `bucket`: name of the stage's photo bucket; `mail_identity`: the mail address it sends from, the same as its mail_sender, if any."
  type = list(object({
    name          = string
    bucket        = string
    mail_identity = optional(string)
  }))
  nullable = false

  validation {
    condition     = length(var.stages) > 0 && length(distinct(var.stages[*].name)) == length(var.stages)
    error_message = "stages must hold at least one stage, and no name twice."
  }

  validation {
    # No hyphen: the role of stage `test` may change `yourplace-test-*`, which must not match a stage `test-eu`.
    condition     = alltrue([for s in var.stages : can(regex("^[a-z][a-z0-9]{1,15}$", s.name)) && !contains(["bootstrap", "pipeline", "state"], s.name)])
    error_message = "A stage's name must be 2 to 16 lower-case letters and digits, starting with a letter, and not bootstrap, pipeline or state: those name what is there for all stages."
  }

  validation {
    condition     = length(distinct(var.stages[*].bucket)) == length(var.stages)
    error_message = "Each stage must have a bucket of its own."
  }

  validation {
    condition     = alltrue([for s in var.stages : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", s.bucket))])
    error_message = "A bucket's name must be 3 to 63 lower-case letters, digits, dots and hyphens."
  }

  validation {
    condition     = alltrue([for s in var.stages : s.mail_identity == null || can(regex("^[^*?/]+$", s.mail_identity))])
    error_message = "mail_identity must be one mail address or domain, without wildcards."
  }
}

variable "production_stages" {
  description = "Names of stages that are production: a person must approve the plan before it is applied."
  type        = set(string)
  default     = ["prod", "production", "live"]
  nullable    = false
}

variable "state_bucket" {
  description = "Name of the bucket with Terraform's state; a stage's state is `{stage}/terraform.tfstate`."
  type        = string
  nullable    = false
}

variable "branch" {
  description = "Branch whose pushes are deployed."
  type        = string
  default     = "main"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,255}$", var.branch))
    error_message = "branch must be the name of a Git branch, without wildcards."
  }
}

variable "github_repository" {
  description = "`owner/name` of a GitHub repository to deploy from, through CodeConnections; null makes a CodeCommit repository instead. A person must confirm the connection once in the console."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must look like `owner/name`."
  }
}

variable "notification_emails" {
  description = "Mail addresses that hear of failures and of plans that wait for approval. Each must confirm the subscription once."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for e in var.notification_emails : can(regex("^[^@\\s]+@[^@\\s]+$", e))])
    error_message = "notification_emails must be mail addresses."
  }
}

variable "build_image" {
  description = "CodeBuild's image. On Amazon Linux 2023 (glibc 2.34), so that what is built runs on Lambda's provided.al2023."
  type        = string
  default     = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
  nullable    = false

  validation {
    condition     = can(regex("^aws/codebuild/amazonlinux-aarch64-standard:([3-9]|[1-9][0-9]+)\\.0$", var.build_image))
    error_message = "build_image must be aws/codebuild/amazonlinux-aarch64-standard:3.0 or newer."
  }
}

variable "test_compute_type" {
  description = "Size of the machine that compiles and tests; plan and apply always take the smallest."
  type        = string
  default     = "BUILD_GENERAL1_LARGE"
  nullable    = false

  validation {
    condition     = contains(["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"], var.test_compute_type)
    error_message = "test_compute_type must be BUILD_GENERAL1_SMALL, BUILD_GENERAL1_MEDIUM or BUILD_GENERAL1_LARGE."
  }
}

variable "log_retention_days" {
  description = "Days for which the builds' logs are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch Logs knows, such as 30, 90 or 365."
  }
}

variable "artifact_retention_days" {
  description = "Days for which artifacts (sources, zips, plans) are kept: how far back a stage can be rolled back without a new build."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.artifact_retention_days >= 7 && floor(var.artifact_retention_days) == var.artifact_retention_days
    error_message = "artifact_retention_days must be a whole number, at least 7: an approval may wait that long."
  }
}
