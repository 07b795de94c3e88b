variable "name" {
  description = "The name of the CodeDeploy application: yourplace-<stage>, with which the functions' names begin"
  type        = string
}

variable "functions" {
  description = "The functions by short name: the full name, and the alarms that end a release of it"
  type = map(object({
    name   = string
    alarms = set(string)
  }))

  validation {
    condition     = alltrue([for function in values(var.functions) : length(function.alarms) >= 1 && length(function.alarms) <= 10])
    error_message = "A function must have 1 to 10 alarms, the most that CodeDeploy watches."
  }
}

variable "traffic" {
  description = "How calls move to a new version, as the rest of CodeDeploy's name: LambdaCanary10Percent5Minutes is 10 % of the calls for 5 minutes, then all"
  type        = string
  default     = "LambdaCanary10Percent5Minutes"

  validation {
    condition     = can(regex("^Lambda(AllAtOnce|Canary10Percent(5|10|15|30)Minutes|Linear10PercentEvery(1|2|3|10)Minutes?)$", var.traffic))
    error_message = "It must be one of CodeDeploy's configurations for Lambda, as in LambdaCanary10Percent5Minutes."
  }
}

variable "permissions_boundary" {
  description = "ARN of the role's permissions boundary; null for none"
  type        = string
  default     = null
}
