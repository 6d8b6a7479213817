import Host
import Testing

@Suite struct ProcessLimitsTests {
    @Test func `files may be opened, and asking twice changes nothing`() {
        let first = ProcessLimits.prepare()
        #expect(first >= 64)
        #expect(ProcessLimits.prepare() == first)
    }
}
