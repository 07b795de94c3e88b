import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Failure, Loading } from '../ui/notes'

/** A component that is loaded when it is first shown. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined
  return function Lazy(props: P) {
    const [, shown] = useState(0)
    const [error, setError] = useState<unknown>()
    const start = () => {
      setError(undefined)
      load().then((component) => {
        loaded = component
        shown((count) => count + 1)
      }, setError)
    }
    useEffect(() => {
      if (!loaded) start()
    }, [])
    if (loaded) {
      const Loaded = loaded
      return <Loaded {...props} />
    }
    return error ? <Failure error={error} retry={start} /> : <Loading />
  }
}
