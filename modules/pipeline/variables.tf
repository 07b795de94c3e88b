variable "name" {
  description = "Name of the service. It prefixes everything the service deploys (`{name}-{stage}-…`) and the pipeline's own resources (`{name}-pipeline-…`)."
  type        = string
  default     = "yourplace"
  nullable    = false

  validation {
    # CodePipeline truncates the pipeline's name to 20 characters in artifact paths, and the build roles' policies
    # contain those paths.
    condition     = can(regex("^[a-z][a-z0-9]{1,19}$", var.name))
    error_message = "name must be 2 to 20 lowercase letters and digits, starting with a letter."
  }
}

variable "stages" {
  description = "Stages in deployment order, with the output `deployment` of modules/stage: API, boundary of new roles, and the roles of plan and apply, which may be in another account."
  type = list(object({
    name                     = string
    api_id                   = string
    permissions_boundary_arn = string
    roles                    = object({ plan = string, apply = string })
  }))
  nullable = false

  validation {
    condition     = length(var.stages) > 0 && length(distinct(var.stages[*].name)) == length(var.stages)
    error_message = "stages must contain at least one stage, and each name only once."
  }

  validation {
    condition     = alltrue([for s in var.stages : can(regex("^[a-z][a-z0-9]{1,15}$", s.name))])
    error_message = "A stage name must be 2 to 16 lowercase letters and digits, starting with a letter."
  }

  validation {
    # CodePipeline truncates the names of artifacts to 10 characters. With a shared folder, the plan build of one stage
    # could write the plan that another stage applies.
    condition     = length(distinct([for s in var.stages : substr("${s.name}_plan", 0, 10)])) == length(var.stages)
    error_message = "The first 10 characters of the stages' names must differ, because CodePipeline stores their plans under them."
  }
}

variable "buildspec" {
  description = "Text of buildspec.yml, which every build runs a part of."
  type        = string
  nullable    = false

  validation {
    condition     = can(yamldecode(var.buildspec).phases)
    error_message = "buildspec must be a build specification in YAML."
  }
}

variable "production_stages" {
  description = "Names of the production stages. Their plans are applied only after a person has approved them."
  type        = set(string)
  default     = ["prod", "production", "live"]
  nullable    = false
}

variable "state_bucket" {
  description = "Name of the bucket that holds Terraform's state. The key of a stage's state is `{stage}/terraform.tfstate`."
  type        = string
  nullable    = false
}

variable "branch" {
  description = "Branch to deploy from."
  type        = string
  default     = "main"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,255}$", var.branch))
    error_message = "branch must be the name of a Git branch, without wildcards."
  }
}

variable "github_repository" {
  description = "`owner/name` of the GitHub repository to deploy from, through CodeConnections. A person must confirm the connection once in the console. null creates a CodeCommit repository instead."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must have the form `owner/name`."
  }
}

variable "notification_emails" {
  description = "Email addresses that are notified of failures and of plans that wait for approval. Each must confirm its subscription once."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for e in var.notification_emails : can(regex("^[^@\\s]+@[^@\\s]+$", e))])
    error_message = "notification_emails must contain only email addresses."
  }
}

variable "build_image" {
  description = "CodeBuild image. It must be Amazon Linux 2023 (glibc 2.34), so that the programs run on Lambda's provided.al2023."
  type        = string
  default     = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
  nullable    = false

  validation {
    condition     = can(regex("^aws/codebuild/amazonlinux-aarch64-standard:([3-9]|[1-9][0-9]+)\\.0$", var.build_image))
    error_message = "build_image must be aws/codebuild/amazonlinux-aarch64-standard:3.0 or newer."
  }
}

variable "build_compute_type" {
  description = "Compute type of the test build and the release build. Plan and apply builds always use the smallest one."
  type        = string
  default     = "BUILD_GENERAL1_LARGE"
  nullable    = false

  validation {
    condition     = contains(["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"], var.build_compute_type)
    error_message = "build_compute_type must be BUILD_GENERAL1_SMALL, BUILD_GENERAL1_MEDIUM or BUILD_GENERAL1_LARGE."
  }
}

variable "log_retention_days" {
  description = "Days to keep build logs."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention period that CloudWatch Logs supports, such as 30, 90 or 365."
  }
}

variable "artifact_retention_days" {
  description = "Days to keep artifacts (sources, zips, plans). A stage can be rolled back to any run whose artifacts still exist."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.artifact_retention_days >= 7 && floor(var.artifact_retention_days) == var.artifact_retention_days
    error_message = "artifact_retention_days must be a whole number of at least 7, because an approval may take 7 days."
  }
}
