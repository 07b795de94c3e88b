// Removes /api from the paths of requests to the API.
function handler(event) {
  const request = event.request
  request.uri = request.uri.slice('/api'.length)
  return request
}
