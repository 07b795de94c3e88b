# A malformed table is refused before anything is made, each for its own reason.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }

  variables {
    entries = {
      good = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      same_route_twice = jsonencode({ for name in ["one", "two"] : name => {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      no_routes = jsonencode({ one = {
        description = "One", trigger = { http = [] }, auth = "public", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      no_trigger = jsonencode({ one = {
        description = "One", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      two_triggers = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"], schedule = "rate(1 minute)" }, auth = "public", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      no_auth = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      misspelt_auth = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "tokn", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      auth_without_routes = jsonencode({ one = {
        description = "One", trigger = { schedule = "rate(1 minute)" }, auth = "token", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      unknown_member = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, environment = {}, permissions = [], permission = []
      } })
      no_description = jsonencode({ one = {
        trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      no_memory = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", timeout = 10, environment = {}, permissions = []
      } })
      slower_than_the_gateway = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 30, environment = {}, permissions = []
      } })
      no_permissions = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, environment = {}
      } })
      misspelt_permission = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, environment = {},
        permissions = [{ actions = ["s3:GetObject"], resources = ["arn:aws:s3:::a/*"], conditions = {} }]
      } })
      no_environment = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, permissions = []
      } })
      unknown_placeholder = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, environment = { A_B = "$${nothing}" }, permissions = []
      } })
      queue_without_concurrency = jsonencode({ one = {
        description = "One", trigger = { queue = "mail", batch_size = 10, batch_window = 0 }, memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      unknown_trigger_member = jsonencode({ one = {
        description = "One", trigger = { queue = "mail", batch_size = 10, batch_window = 0, concurrency = 2, concurency = 9 }, memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      unknown_queue = jsonencode({ one = {
        description = "One", trigger = { queue = "post", batch_size = 10, batch_window = 0, concurrency = 2 }, memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      queue_with_two_functions = jsonencode({ for name in ["one", "two"] : name => {
        description = "One", trigger = { queue = "mail", batch_size = 10, batch_window = 0, concurrency = 2 }, memory = 256, timeout = 10, environment = {}, permissions = []
      } })
      mail_without_sender = jsonencode({ one = {
        description = "One", trigger = { queue = "mail", batch_size = 10, batch_window = 0, concurrency = 2 }, memory = 256, timeout = 10, environment = { MAIL_SENDER = "$${mail_sender}" }, permissions = []
      } })
    }
  }
}

run "a_good_table_is_accepted" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["good"]
  }

  assert {
    condition     = output.functions[0] == "one" && length(output.functions) == 1
    error_message = "The function is missing."
  }
}

run "same_route_twice_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["same_route_twice"]
  }

  expect_failures = [output.functions]
}

run "no_routes_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["no_routes"]
  }

  expect_failures = [output.functions]
}

run "no_trigger_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["no_trigger"]
  }

  expect_failures = [output.functions]
}

run "two_triggers_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["two_triggers"]
  }

  expect_failures = [output.functions]
}

run "no_auth_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["no_auth"]
  }

  expect_failures = [output.functions]
}

run "misspelt_auth_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["misspelt_auth"]
  }

  expect_failures = [output.functions]
}

run "auth_without_routes_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["auth_without_routes"]
  }

  expect_failures = [output.functions]
}

run "unknown_member_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["unknown_member"]
  }

  expect_failures = [output.functions]
}

run "no_description_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["no_description"]
  }

  expect_failures = [output.functions]
}

run "no_memory_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["no_memory"]
  }

  expect_failures = [output.functions]
}

run "slower_than_the_gateway_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["slower_than_the_gateway"]
  }

  expect_failures = [output.functions]
}

run "no_permissions_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["no_permissions"]
  }

  expect_failures = [output.functions]
}

run "misspelt_permission_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["misspelt_permission"]
  }

  expect_failures = [output.functions]
}

run "no_environment_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["no_environment"]
  }

  expect_failures = [output.functions]
}

run "unknown_placeholder_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["unknown_placeholder"]
  }

  expect_failures = [output.functions]
}

run "queue_without_concurrency_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["queue_without_concurrency"]
  }

  expect_failures = [output.functions]
}

run "unknown_trigger_member_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["unknown_trigger_member"]
  }

  expect_failures = [output.functions]
}

run "unknown_queue_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["unknown_queue"]
  }

  expect_failures = [output.functions]
}

run "queue_with_two_functions_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["queue_with_two_functions"]
  }

  expect_failures = [output.functions]
}

run "mail_without_sender_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["mail_without_sender"]
  }

  expect_failures = [output.functions]
}

run "authorizer_lambda_without_its_function_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["good"]
    authorizer     = "lambda"
  }

  expect_failures = [var.authorizer]
}
