/// Whether a body of which so many bytes came since `began` comes slower than anyone honest sends.
func isSlowBody(since began: ContinuousClock.Instant, bytes: Int) -> Bool {
    let seconds = (ContinuousClock.now - began).components.seconds
    return seconds > ServiceLimits.slowBodySeconds
        && bytes < Int(seconds) * ServiceLimits.bodyBytesPerSecondMin
}
