variable "name" {
  description = "The name of the WAF rules: yourplace-<stage>"
  type        = string
}

variable "api" {
  description = "The API behind the distribution: the host of its endpoint, and its stage"
  type = object({
    host  = string
    stage = string
  })
}

variable "domain" {
  description = "The domain at which clients call the API, as in api.example.com"
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "The domain must be a host name in lower case, as in api.example.com."
  }
}

variable "certificate_arn" {
  description = "The ARN of the domain's certificate in ACM, in us-east-1, where CloudFront looks for it"
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "The certificate must be the ARN of one in ACM in us-east-1."
  }
}

variable "requests" {
  description = "The requests that one address may make in 5 minutes; more get a 429"
  type        = number
  default     = 3000

  validation {
    condition     = var.requests >= 10 && floor(var.requests) == var.requests
    error_message = "WAF counts from 10 requests on."
  }
}

variable "credential_requests" {
  description = "The requests that one address may make in 5 minutes to sign up, log in, or reset a password; more get a 429"
  type        = number
  default     = 100

  validation {
    condition     = var.credential_requests >= 10 && floor(var.credential_requests) == var.credential_requests
    error_message = "WAF counts from 10 requests on."
  }
}
