// Uploads a file with Uppy, and prints what happens as lines of JSON.
//
//     node upload.js FILE STATE [killed|cancelled]
//
// STATE keeps which upload the file has, as Uppy's plugin Golden Retriever keeps it in a browser. If it exists, the
// upload continues. With a third argument, the process is killed or the upload is cancelled after the first part.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

import AwsS3 from '@uppy/aws-s3'
import Uppy from '@uppy/core'
import { JSDOM } from 'jsdom'

import { yourplace } from './yourplace.js'

const [path, state, ending] = process.argv.slice(2)
const print = (line) => console.log(JSON.stringify(line))

// A page of another origin: its XMLHttpRequest needs the CORS rules of the bucket, as in a browser.
const { window } = new JSDOM('', { url: 'http://page.example/' })
globalThis.XMLHttpRequest = window.XMLHttpRequest

const uppy = new Uppy()
uppy.use(AwsS3, {
  ...yourplace(process.env.BASE_URL, () => process.env.TOKEN),
  // One after the other, so that the other parts are missing when the first one has arrived.
  limit: 1,
})
const data = new window.File([readFileSync(path)], basename(path), { type: 'image/jpeg' })
const id = uppy.addFile({ name: data.name, type: data.type, data })
if (existsSync(state)) uppy.setFileState(id, { s3Multipart: JSON.parse(readFileSync(state, 'utf8')) })

uppy.on('s3-multipart:part-uploaded', (file, { PartNumber }) => {
  print({ part: PartNumber })
  writeFileSync(state, JSON.stringify(uppy.getFile(id).s3Multipart))
  if (ending === 'killed') process.kill(process.pid, 'SIGKILL')
  if (ending === 'cancelled') uppy.removeFile(id)
})
uppy.on('upload-success', (file, { body }) => print({ photo: body.photo }))
uppy.on('upload-error', (file, error) => print({ error: error.message }))
await uppy.upload()
