# lambdas/functions.json, read and checked. What the functions need follows from it: nothing is listed twice.

locals {
  table_text = file(var.functions_file)
  table      = jsondecode(local.table_text)

  # The authorizer's function is made only where it is used.
  entries = {
    for name, entry in local.table.functions : name => entry
    if !can(entry.trigger.authorizer) || var.authorizer == "lambda"
  }

  # What is known without filling in placeholders, and so decides what there is. A malformed entry gets a
  # harmless value here; what is wrong with it is said in local.problems.
  functions = {
    for name, entry in local.entries : name => {
      description  = try(tostring(entry.description), "")
      routes       = try([for route in entry.trigger.http : tostring(route)], [])
      schedule     = try(tostring(entry.trigger.schedule), null)
      queue        = try(tostring(entry.trigger.queue), null)
      batch_size   = try(tonumber(entry.trigger.batch_size), 10)
      batch_window = try(tonumber(entry.trigger.batch_window), 0)
      concurrency  = try(tonumber(entry.trigger.concurrency), 2)
      authorizer   = can(entry.trigger.authorizer)
      public       = try(entry.auth == "public", false)
      token        = try(entry.auth == "token", false)
      memory       = try(tonumber(entry.memory), 128)
      timeout      = try(tonumber(entry.timeout), 10)
    }
  }

  # Placeholders are filled in function by function: one value that is not known yet must not hide the others' plans.
  entry_texts            = { for name, entry in local.entries : name => jsonencode(entry) }
  token_environment_text = jsonencode(try(local.table.token_environment, {}))

  # Placeholders stand inside JSON strings, so the values are escaped as such. One that nobody fills in
  # is empty here, and one of local.problems.
  placeholders = merge(
    { for name in local.mentioned : name => "" },
    { for name, value in local.placeholder_values : name => trimsuffix(trimprefix(jsonencode(value), "\""), "\"") },
  )

  token_environment = jsondecode(templatestring(local.token_environment_text, local.placeholders))
  filled            = { for name in keys(local.entries) : name => jsondecode(templatestring(local.entry_texts[name], local.placeholders)) }

  environments = {
    for name, function in local.functions : name => merge(
      { for key, value in local.token_environment : key => value if function.token },
      try(local.filled[name].environment, {}),
      { for key, value in { AWS_ENDPOINT_URL = var.local_endpoint } : key => value if value != null },
    )
  }

  # IAM takes one value or a list of them; here it is always a list.
  permissions = {
    for name in keys(local.functions) : name => [
      for permission in try(local.filled[name].permissions, []) : {
        actions = concat(
          flatten([permission.actions]),
          # In AWS the one allows batches, too; a local cloud asks for them by their own name.
          var.local_endpoint != null && contains(flatten([permission.actions]), "sqs:SendMessage") ? ["sqs:SendMessageBatch"] : [],
        )
        # A local cloud does not see which identity a mail is sent from; whether that is verified it does check.
        resources = var.local_endpoint != null && contains(flatten([permission.actions]), "ses:SendEmail") ? ["*"] : flatten([permission.resources])
        condition = try({
          for operator, keys in permission.condition : operator => { for key, value in keys : key => flatten([value]) }
        }, null)
      }
    ]
  }

  all_routes = flatten([for name, function in local.functions : [for route in function.routes : { key = route, function = name, public = function.public }]])
  routes     = { for route in local.all_routes : route.key => { function = route.function, public = route.public }... }

  # What the table speaks of is made, and nothing else.
  mentioned = toset(flatten(concat(
    [for text in values(local.entry_texts) : regexall("\\$\\{([a-z_]+)\\}", text)],
    regexall("\\$\\{([a-z_]+)\\}", local.token_environment_text),
  )))
  triggering_queues = [for function in local.functions : function.queue if function.queue != null]

  known_tables = {
    auctions = { key = "id", indexes = { statusAndEndDate = { hash_key = "status", range_key = "endingAt" } }, ttl_attribute = null }
    mails    = { key = "id", indexes = {}, ttl_attribute = "expiresAt" }
  }
  known_queues = ["index", "mail"]

  tables = {
    for name, table in local.known_tables : name => table
    if length(setintersection(local.mentioned, ["${name}_table", "${name}_table_arn"])) > 0
  }
  queues = toset([
    for name in local.known_queues : name
    if contains(local.triggering_queues, name) || anytrue([for end in ["queue_url", "queue_arn", "dead_queue_url", "dead_queue_arn"] : contains(local.mentioned, "${name}_${end}")])
  ])
  sends_mail = length(setintersection(local.mentioned, ["mail_sender", "mail_identity_arn"])) > 0

  # AWS's rule: a message stays hidden for six times the timeout of the function that works on it, and the window.
  visibility_timeouts = {
    for name in local.queues : name => max(30, [
      for function in local.functions : 6 * function.timeout + function.batch_window if function.queue == name
    ]...)
  }

  problems = distinct(concat(
    [for name in keys(local.entries) : "${name}: a function's name is 1 to 36 of a-z, 0-9 and _, beginning with a letter"
    if !can(regex("^[a-z][a-z0-9_]{0,35}$", name))],

    flatten([for name, entry in local.entries : [
      for key in setsubtract(keys(entry), ["description", "trigger", "auth", "memory", "timeout", "environment", "permissions"]) :
      "${name}: \"${key}\" is nothing that an entry has"
    ]]),

    [for name, entry in local.entries : "${name}: the description is missing" if !can(length(entry.description) > 0)],

    [for name, entry in local.entries : "${name}: the trigger must be one of http, schedule, queue and authorizer"
    if try(length(setintersection(keys(entry.trigger), ["http", "schedule", "queue", "authorizer"])), 0) != 1],

    flatten([for name, entry in local.entries : [
      for key in setsubtract(keys(entry.trigger), ["http", "schedule", "queue", "authorizer", "batch_size", "batch_window", "concurrency"]) :
      "${name}: \"${key}\" is nothing that a trigger has"
    ] if can(keys(entry.trigger))]),

    flatten([for name, entry in local.entries : [
      for key in ["batch_size", "batch_window", "concurrency"] : "${name}: the trigger's ${key} must be a whole number"
      if !can(regex("^[0-9]+$", entry.trigger[key]))
    ] if can(entry.trigger.queue)]),

    [for name, entry in local.entries : "${name}: http must be a list with at least one route"
    if can(entry.trigger.http) && length(local.functions[name].routes) == 0],

    [for route in local.all_routes : "${route.function}: \"${route.key}\" is not a method and a path, as in POST /login"
    if !can(regex("^(DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) /[A-Za-z0-9._~/{}-]*$", route.key))],

    [for key, users in local.routes : "the route \"${key}\" belongs to ${join(" and ", users[*].function)}"
    if length(users) > 1],

    [for name, entry in local.entries : "${name}: auth must be public or token"
    if can(entry.trigger.http) && !local.functions[name].public && !local.functions[name].token],

    [for name, entry in local.entries : "${name}: auth is for functions with routes"
    if can(entry.auth) && !can(entry.trigger.http)],

    [for name, entry in local.entries : "${name}: memory must be a whole number of MB from 128 to 10240"
    if !try(tonumber(entry.memory) >= 128 && tonumber(entry.memory) <= 10240 && floor(tonumber(entry.memory)) == tonumber(entry.memory), false)],

    [for name, entry in local.entries : "${name}: timeout must be a whole number of seconds from 1 to ${can(entry.trigger.http) ? "29, since the gateway waits for 30" : "900"}"
    if !try(tonumber(entry.timeout) >= 1 && tonumber(entry.timeout) <= (can(entry.trigger.http) ? 29 : 900) && floor(tonumber(entry.timeout)) == tonumber(entry.timeout), false)],

    [for name, entry in local.entries : "${name}: environment must be an object of texts"
    if !can(keys(entry.environment)) || !can([for value in values(entry.environment) : regex("", value)])],

    [for name, entry in local.entries : "${name}: permissions must be a list of {actions, resources, condition?}"
      if !can([for permission in entry.permissions : [permission.actions[0], permission.resources[0]]]) || anytrue(flatten([
        for permission in try(entry.permissions, []) : length(setsubtract(try(keys(permission), []), ["actions", "resources", "condition"])) > 0
    ]))],

    [for name, function in local.functions : "${name}: \"${function.queue}\" is none of the queues ${join(", ", local.known_queues)}"
    if function.queue != null && !contains(local.known_queues, coalesce(function.queue, "-"))],

    [for name in local.known_queues : "the queue ${name} has more than one function"
    if length([for queue in local.triggering_queues : queue if queue == name]) > 1],

    [for name in keys(local.entries) : "${name}: the authorizer's function is called authorize, and no other is"
    if local.functions[name].authorizer != (name == "authorize")],

    [for name in sort(setsubtract(local.mentioned, keys(local.placeholder_values))) :
      name == "mail_sender" || name == "mail_identity_arn" ? "a function sends mail: the variable mail_sender must be set" : "nobody fills in $${${name}}"
    ],
  ))
}
