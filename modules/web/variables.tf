variable "name" {
  description = "The prefix of the names of the resources of this module"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,40}$", var.name))
    error_message = "The name must be at most 41 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "bucket_name" {
  description = "The name of the bucket with the app's files, which lets distributions of this account read it"
  type        = string
}

variable "api" {
  description = "The API that is served under /api: the host of its endpoint, and its stage"
  type = object({
    host  = string
    stage = string
  })

  validation {
    condition     = can(regex("^[a-z0-9.-]+$", var.api.host))
    error_message = "The API's host must be a host name, without a scheme."
  }
}

variable "photo_bucket_origin" {
  description = "The origin of presigned URLs: the app's pages may load photos from it and send photos to it"
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.photo_bucket_origin))
    error_message = "The origin must be https://<host>, without a slash at its end."
  }
}

variable "domain" {
  description = "A domain of your own, and its certificate in ACM in us-east-1; the DNS record is created elsewhere. null for CloudFront's own domain"
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "The domain must be a host name in lower case, as in photos.example.com."
  }

  validation {
    condition     = var.domain == null || can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+$", var.domain.certificate_arn))
    error_message = "CloudFront takes only a certificate of ACM in us-east-1."
  }
}

variable "firewall" {
  description = "How many requests one address may make in 5 minutes: in all, and to sign up, log in or reset a password. Any more get a 429. null for no limits"
  type = object({
    requests            = optional(number, 3000)
    credential_requests = optional(number, 100)
  })
  default = null

  validation {
    condition     = var.firewall == null || alltrue([for limit in values(coalesce(var.firewall, { requests = 10, credential_requests = 10 })) : limit >= 10 && floor(limit) == limit])
    error_message = "WAF counts from 10 requests on."
  }
}
