internal import CKernels

/// Counts of buckets for many cells, in pages of 64 neighbouring buckets that are made when one of
/// them is first counted.
///
/// A number costs three loads and an add, wherever its bucket is; a cell costs what its own range of
/// buckets takes, and a page that one cell has costs the others 8 bytes. Pages can be taken over by
/// another table as they are.
final class PagedCounts<Counter: FixedWidthInteger & UnsignedInteger> {
    typealias Page = UnsafeMutablePointer<Counter>

    static var pageBuckets: Int { 64 }
    /// Pages have numbers from −`pagesMax` to `pagesMax`: 2,048 octaves of each sign, and 0.
    private static var pagesMax: Int { 2050 }

    /// Where the pages of cells are: those of cell c begin at `entries[c * stride]`, each in the
    /// column that `columns[pagesMax + number]` gives it, −1 for none.
    private struct Directory {
        var entries: UnsafeMutablePointer<Page?>
        var columns: UnsafeMutablePointer<Int16>
        var stride = 0
        var cells = 0
    }

    // Behind a pointer: a property is checked for exclusive access at every touch, which cost four
    // times what counting costs.
    private let directory: UnsafeMutablePointer<Directory>
    /// The pages that have a column, ascending by number.
    private var pages: [(number: Int, column: Int)] = []
    /// What the pages are cut from; those of other tables after a merge as well.
    private var slabs: [Slab] = []
    /// The slab that new pages are cut from, and how much of it is taken.
    private var open: Slab?
    private var taken = 0
    /// Directories that were outgrown while a loop may still read them.
    private var retired: [UnsafeMutablePointer<Page?>] = []
    /// Counts for which the directory had no room.
    private var beyond = SparseCounts()

    /// Memory of many pages, zeroed when it is first touched.
    private final class Slab {
        /// Counters of the first slab; each next one has twice as many, up to `countMax`.
        static var countMin: Int { 1 << 10 }
        static var countMax: Int { 1 << 16 }

        let count: Int
        let base: Page

        init(count: Int) {
            self.count = count
            let words = (count * MemoryLayout<Counter>.stride + 7) / 8
            guard let memory = wf_zeroed_words(words) else {
                preconditionFailure("out of memory: \(words) words")
            }
            base = UnsafeMutableRawPointer(memory).bindMemory(to: Counter.self, capacity: count)
        }

        deinit {
            let memory = UnsafeMutableRawPointer(base)
            wf_free_words(memory.bindMemory(to: UInt64.self, capacity: 1))
        }
    }

    init() {
        let columns = UnsafeMutablePointer<Int16>.allocate(capacity: Self.pagesMax * 2 + 1)
        columns.initialize(repeating: -1, count: Self.pagesMax * 2 + 1)
        directory = .allocate(capacity: 1)
        directory.initialize(to: Directory(entries: .allocate(capacity: 1), columns: columns))
    }

    deinit {
        freeRetired()
        directory.pointee.entries.deallocate()
        directory.pointee.columns.deallocate()
        directory.deallocate()
    }

    private func freeRetired() {
        for entries in retired { entries.deallocate() }
        retired = []
    }

    var isEmpty: Bool { pages.isEmpty }

    /// Cells that there is room for.
    var cells: Int { directory.pointee.cells }

    var byteCount: Int {
        directory.pointee.cells * directory.pointee.stride * 8
            + slabs.reduce(0) { $0 + $1.count } * MemoryLayout<Counter>.stride
    }

    @inline(__always)
    static func page(of bucket: Int) -> Int { bucket >> 6 }
    @inline(__always)
    static func offset(of bucket: Int) -> Int { bucket & 63 }

    // MARK: - Room

    /// Entries that the directory would have with room for `cells`, and for more pages.
    func directoryCount(cells: Int, newPages: Int) -> Int {
        cells * PagedCounts.stride(of: pages.count + newPages)
    }

    /// Entries that the directory would have after a merge.
    func directoryCount(cells: Int, with other: PagedCounts) -> Int {
        let new = other.pages.count { column(ofPage: $0.number) < 0 }
        return directoryCount(cells: cells, newPages: new)
    }

    private static func stride(of pages: Int) -> Int {
        // Room from the start: a loop over the first numbers must not outgrow its directory.
        var stride = 16
        while stride < pages { stride *= 2 }
        return stride
    }

    private func column(ofPage number: Int) -> Int {
        Int(directory.pointee.columns[Self.pagesMax + number])
    }

    /// Makes room for cells 0 ..< `cells`.
    func widen(cells: Int) {
        let wider = max(cells, directory.pointee.cells)
        let stride = PagedCounts.stride(of: pages.count)
        let old = directory.pointee
        if wider == old.cells && stride == old.stride { return }
        let count = max(1, wider * stride)
        let entries = UnsafeMutablePointer<Page?>.allocate(capacity: count)
        entries.initialize(repeating: nil, count: count)
        for cell in 0..<old.cells {
            (entries + cell * stride).update(
                from: old.entries + cell * old.stride, count: old.stride)
        }
        retired.append(old.entries)
        directory.pointee.entries = entries
        directory.pointee.cells = wider
        directory.pointee.stride = stride
    }

    /// Gives a page a column, unless it has one.
    private func makeColumn(ofPage number: Int) {
        if column(ofPage: number) >= 0 { return }
        directory.pointee.columns[Self.pagesMax + number] = Int16(pages.count)
        pages.append((number, pages.count))
        pages.sort { $0.number < $1.number }
        widen(cells: 0)
    }

    /// The page of a cell, made if it is not there.
    private func makePage(_ number: Int, ofCell cell: Int) -> Page {
        makeColumn(ofPage: number)
        widen(cells: cell + 1)
        let entry =
            directory.pointee.entries + cell * directory.pointee.stride + column(ofPage: number)
        if let page = entry.pointee { return page }
        let slab: Slab
        if let open, taken + PagedCounts.pageBuckets <= open.count {
            slab = open
        } else {
            slab = Slab(count: min(Slab.countMax, max(Slab.countMin, (open?.count ?? 0) * 2)))
            slabs.append(slab)
            open = slab
            taken = 0
        }
        let page = slab.base + taken
        taken += PagedCounts.pageBuckets
        entry.pointee = page
        return page
    }

    // MARK: - Counting

    /// Counts the buckets of numbers.
    ///
    /// - Parameters:
    ///   - cells: above every cell of the rows.
    ///   - directoryMax: entries that the directory may have; a number whose bucket would need
    ///     more goes to `beyond` instead.
    func count(
        _ rows: GroupedRows, _ numbers: NumberColumn, ofCells cells: Int, directoryMax: Int,
        beyond: inout SparseCounts
    ) {
        widen(cells: cells)
        freeRetired()
        let adder = Adder(
            table: self, entries: directory.pointee.entries, columns: directory.pointee.columns,
            stride: directory.pointee.stride, directoryMax: directoryMax)
        numbers.forEach(rows, ofCells: cells, adder)
        freeRetired()
        swap(&beyond, &self.beyond)
    }

    /// Constants of one loop: read from memory anew for each number, as after each store they
    /// would be, they cost as much as the counting.
    ///
    /// A directory that is outgrown meanwhile stays as it was: its numbers of new pages take the
    /// slow path until the loop ends.
    private struct Adder: NumberTaker {
        unowned(unsafe) let table: PagedCounts
        let entries: UnsafeMutablePointer<Page?>
        let columns: UnsafeMutablePointer<Int16>
        let stride: Int
        let directoryMax: Int

        @inline(__always)
        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            add(weight, cell, LogBucket.index(Double(value)))
        }

        @inline(__always)
        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            add(weight, cell, LogBucket.index(value))
        }

        @inline(__always)
        private func add(_ weight: UInt64, _ cell: Int, _ bucket: Int) {
            let place = PagedCounts.pagesMax &+ PagedCounts.page(of: bucket)
            let column = Int(columns[place])
            // Unsigned: a page without a column is as far out as one of a later directory.
            guard UInt(bitPattern: column) < UInt(bitPattern: stride),
                let counts = entries[cell &* stride &+ column]
            else { return table.addInNewPage(weight, cell, bucket, directoryMax) }
            counts[PagedCounts.offset(of: bucket)] &+= Counter(truncatingIfNeeded: weight)
        }
    }

    /// Slow path: the first number of a page.
    @inline(never)
    private func addInNewPage(_ weight: UInt64, _ cell: Int, _ bucket: Int, _ directoryMax: Int) {
        let page = Self.page(of: bucket)
        if column(ofPage: page) < 0, directoryCount(cells: cells, newPages: 1) > directoryMax {
            beyond.add(weight, cell: cell, bucket: bucket)
            return
        }
        let counts = makePage(page, ofCell: cell)
        counts[Self.offset(of: bucket)] &+= Counter(truncatingIfNeeded: weight)
    }

    /// Adds all counts of a list.
    func add(_ list: SparseCounts) {
        list.forEach { cell, bucket, count in
            let counts = makePage(Self.page(of: bucket), ofCell: cell)
            counts[Self.offset(of: bucket)] &+= Counter(count)
        }
    }

    /// Adds all counts of another table under other cells.
    ///
    /// - Parameter keepingOther: false lets pages of the other become pages of this one, which
    ///   costs nothing for each bucket; the other must not be used again then.
    func merge(_ other: PagedCounts, _ map: CellMap, keepingOther: Bool) {
        for page in other.pages { makeColumn(ofPage: page.number) }
        let theirs = other.directory.pointee
        let columns = other.pages.map { ($0.number, $0.column, column(ofPage: $0.number)) }
        for cell in 0..<min(theirs.cells, map.count) where map[cell] >= 0 {
            for (number, column, target) in columns {
                guard let from = theirs.entries[cell * theirs.stride + column] else { continue }
                let entry =
                    directory.pointee.entries + map[cell] * directory.pointee.stride + target
                if entry.pointee == nil && !keepingOther {
                    entry.pointee = from
                    continue
                }
                let to = entry.pointee ?? makePage(number, ofCell: map[cell])
                for bucket in 0..<PagedCounts.pageBuckets { to[bucket] &+= from[bucket] }
            }
        }
        if !keepingOther { slabs += other.slabs }
    }

    // MARK: - Asking

    /// Calls back with the pages of one cell, ascending, and the bucket each begins with, until it
    /// answers false.
    @inline(__always)
    private func forEachPage(ofCell cell: Int, _ body: (Int, Page) -> Bool) {
        if cell >= directory.pointee.cells { return }
        let entries = directory.pointee.entries + cell * directory.pointee.stride
        for (number, column) in pages {
            guard let page = entries[column] else { continue }
            if !body(number << 6, page) { return }
        }
    }

    @inline(__always)
    private static func total(_ page: Page) -> UInt64 {
        var total: UInt64 = 0
        for offset in 0..<pageBuckets { total &+= UInt64(page[offset]) }
        return total
    }

    /// The buckets of one cell that hold something, ascending.
    func forEachBucket(ofCell cell: Int, _ body: (Int, Counter) -> Void) {
        forEachPage(ofCell: cell) { first, page in
            for offset in 0..<PagedCounts.pageBuckets where page[offset] > 0 {
                body(first + offset, page[offset])
            }
            return true
        }
    }

    /// The sum of all counts of one cell.
    func total(ofCell cell: Int) -> UInt64 {
        var total: UInt64 = 0
        forEachPage(ofCell: cell) { _, page in
            total &+= Self.total(page)
            return true
        }
        return total
    }

    /// The bucket that holds the event at a rank, from 0, and how many events are in buckets before.
    func bucket(ofRank rank: UInt64, ofCell cell: Int) -> (bucket: Int, before: UInt64) {
        var passed: UInt64 = 0
        var found: (bucket: Int, before: UInt64)?
        forEachPage(ofCell: cell) { first, page in
            let inPage = Self.total(page)
            guard rank < passed + inPage else {
                passed += inPage
                return true
            }
            for offset in 0..<PagedCounts.pageBuckets {
                let count = UInt64(page[offset])
                if rank < passed + count {
                    found = (first + offset, passed)
                    return false
                }
                passed += count
            }
            return false
        }
        guard let found else { preconditionFailure("BUG: a rank beyond the events of a group") }
        return found
    }
}
