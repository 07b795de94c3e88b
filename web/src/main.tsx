import { render } from 'preact'
import { startSession } from './api/session'
import { App } from './app'
import { startRouter } from './lib/router'
import './lib/theme'

startRouter()
void startSession()
const root = document.getElementById('app')
if (root) render(<App />, root)
