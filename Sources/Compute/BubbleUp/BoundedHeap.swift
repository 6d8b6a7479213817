/// Keeps the first so many of the elements that it is shown, in some order.
struct BoundedHeap<Element> {
    private let capacity: Int
    private let precedes: (Element, Element) -> Bool
    /// A heap whose root comes last of all that are kept.
    private var elements: [Element] = []

    init(capacity: Int, _ precedes: @escaping (Element, Element) -> Bool) {
        self.capacity = capacity
        self.precedes = precedes
    }

    mutating func insert(_ element: Element) {
        if elements.count < capacity {
            elements.append(element)
            rise()
        } else if capacity > 0, precedes(element, elements[0]) {
            elements[0] = element
            sink()
        }
    }

    /// What was kept, first to last.
    func sorted() -> [Element] { elements.sorted(by: precedes) }

    private mutating func rise() {
        var place = elements.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard precedes(elements[parent], elements[place]) else { return }
            elements.swapAt(parent, place)
            place = parent
        }
    }

    private mutating func sink() {
        var place = 0
        while true {
            var last = place
            for child in [place * 2 + 1, place * 2 + 2]
            where child < elements.count && precedes(elements[last], elements[child]) {
                last = child
            }
            if last == place { return }
            elements.swapAt(place, last)
            place = last
        }
    }
}
