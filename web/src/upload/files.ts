/** A file to upload, with its path in the folder that was dropped. */
export interface Found {
  file: File
  path: string
}

const ZIP = [0x50, 0x4b]

/** The files of a drop or a paste, with those in folders. */
export async function filesOf(data: DataTransfer): Promise<Found[]> {
  // The entries must all be taken before the first wait: the browser empties the list then.
  const entries = [...data.items].filter(({ kind }) => kind === 'file').map((item) => item.webkitGetAsEntry())
  if (entries.every((entry) => entry === null)) return fromList(data.files)
  const found = await Promise.all(entries.map((entry) => (entry ? walk(entry) : [])))
  return found.flat()
}

/** The files of an input; in a folder they have a path. */
export function fromList(files: Iterable<File>): Found[] {
  return [...files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .filter(({ path }) => !hidden(path))
}

async function walk(entry: FileSystemEntry): Promise<Found[]> {
  if (hidden(entry.name)) return []
  if (entry instanceof FileSystemFileEntry || entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    return [{ file, path: entry.fullPath.replace(/^\//, '') }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: Found[] = []
  for (;;) {
    // A reader returns at most 100 entries at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found
    for (const one of some) found.push(...(await walk(one)))
  }
}

/** What systems put beside photos, such as `.DS_Store`. */
export function hidden(path: string): boolean {
  const parts = path.split('/')
  return parts.some((part) => part.startsWith('.') || part === '__MACOSX') || parts.at(-1) === 'Thumbs.db'
}

/** Whether a file is a ZIP archive, which the service unpacks. */
export async function isArchive(file: File): Promise<boolean> {
  const start = new Uint8Array(await file.slice(0, 4).arrayBuffer())
  const [third, fourth] = [start[2] ?? 0, start[3] ?? 0]
  return start[0] === ZIP[0] && start[1] === ZIP[1] && third < 0x10 && fourth === third + 1
}
