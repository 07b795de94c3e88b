import { useEffect, useRef } from 'preact/hooks'

/**
 * Calls `poll` now and again after the milliseconds that it returns, until it returns null. A hidden page waits until
 * it is shown. Returns a function that calls it at once.
 */
export function usePolling(poll: (signal: AbortSignal) => Promise<number | null>, inputs: unknown[]): () => void {
  const again = useRef<() => void>(() => undefined)
  useEffect(() => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let running = false
    const run = async () => {
      clearTimeout(timer)
      if (running || stop.signal.aborted) return
      running = true
      const wait = await poll(stop.signal).catch(() => null)
      running = false
      if (wait === null || stop.signal.aborted) return
      timer = setTimeout(() => {
        if (!document.hidden) void run()
        else document.addEventListener('visibilitychange', () => void run(), { once: true, signal: stop.signal })
      }, wait)
    }
    again.current = () => void run()
    void run()
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, inputs)
  return () => again.current()
}
