variable "name" {
  description = "The API's name: yourplace-<stage>"
  type        = string
}

variable "stage" {
  description = "The one stage, the first part of every path"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,128}$", var.stage))
    error_message = "The stage must be 1 to 128 letters, digits, hyphens and underscores."
  }
}

variable "functions" {
  description = "The functions that routes may name, by their names in lambdas/service.json, and the alias to call"
  type = map(object({
    name       = string
    alias      = string
    invoke_arn = string
  }))
}

variable "routes" {
  description = "The routes by route key (POST /login): the function each calls, whether it is open to callers without a token, and its own throttling, if that is lower"
  type = map(object({
    function = string
    public   = bool
    throttling = optional(object({
      rate  = number
      burst = number
    }))
  }))

  validation {
    condition     = alltrue([for key in keys(var.routes) : can(regex("^(DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) /[A-Za-z0-9._~/{}-]*$", key))])
    error_message = "A route key must be a method and a path, as in POST /login."
  }

  validation {
    condition = alltrue([for route in values(var.routes) : contains(keys(var.functions), route.function)])
    error_message = "These routes call a function that does not exist: ${join(", ", [
      for key, route in var.routes : "${key} (${route.function})" if !contains(keys(var.functions), route.function)
    ])}."
  }
}

variable "authorizer" {
  description = "What checks the token before a function runs: jwt is the gateway itself, lambda is authorizer_function"
  type        = string
  default     = "jwt"

  validation {
    condition     = contains(["jwt", "lambda"], var.authorizer)
    error_message = "The authorizer must be jwt or lambda."
  }
}

variable "jwt" {
  description = "The issuer and the audiences that the authorizer jwt accepts"
  type = object({
    issuer    = string
    audiences = list(string)
  })
  default = null

  validation {
    condition     = var.authorizer != "jwt" || var.jwt != null
    error_message = "The authorizer jwt needs an issuer and its audiences."
  }
}

variable "authorizer_function" {
  description = "The function that is the authorizer lambda, and the alias to call"
  type = object({
    name       = string
    alias      = string
    invoke_arn = string
  })
  default = null

  validation {
    condition     = var.authorizer != "lambda" || var.authorizer_function != null
    error_message = "The authorizer lambda needs a function."
  }
}

variable "cors_origins" {
  description = "The web origins that may call the API from a browser; none by default"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : origin == "*" || can(regex("^https?://[^/*]+$", origin))])
    error_message = "An origin is a scheme and a host without a path, as in https://app.example.com, or * for all."
  }
}

variable "throttling" {
  description = "Requests per second (rate) and at once (burst) that a route accepts; more get a 429"
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 100, burst = 200 }

  validation {
    condition     = var.throttling.rate >= 1 && var.throttling.burst >= 1
    error_message = "The throttling limits must be at least 1: with 0 every request is refused."
  }
}

variable "log_retention_days" {
  description = "Days to keep the access log"
  type        = number
  default     = 30
}
