// Adds HEADERS, which Terraform puts before this, to the responses with files.
function handler(event) {
  const response = event.response
  for (const name in HEADERS) response.headers[name] = { value: HEADERS[name] }
  return response
}
