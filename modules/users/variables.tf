variable "name" {
  description = "The name of the pool and of its client: yourplace-<stage>"
  type        = string
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the pool, and every user with it"
  type        = bool
}

variable "mfa" {
  description = "Whether users may have a second factor (optional) or must have one (required)"
  type        = string

  validation {
    condition     = contains(["optional", "required"], var.mfa)
    error_message = "The second factor is optional or required."
  }
}

variable "mail" {
  description = "The verified SES identity that the pool sends its codes from; null for Cognito's own sender, which sends at most 50 a day"
  type = object({
    sender       = string
    identity_arn = string
  })
  default = null
}
