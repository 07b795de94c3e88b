// Serves index.html for every page of the app. Its files are all in assets/.
function handler(event) {
  const request = event.request
  if (!request.uri.startsWith('/assets/')) request.uri = '/index.html'
  return request
}
