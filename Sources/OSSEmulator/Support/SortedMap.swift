/// A map in the order of its keys, kept in leaves of a few hundred entries, so that an insertion moves little
/// however many keys there are.
struct SortedMap<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    private struct Leaf: Sendable {
        var keys: [Key]
        var values: [Value]
    }

    /// A place in the map; good until the map changes.
    struct Position {
        fileprivate var leaf: Int
        fileprivate var index: Int
    }

    private static var capacity: Int { 512 }
    private var leaves: [Leaf] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    var start: Position { Position(leaf: 0, index: 0) }

    func entry(at position: Position) -> (key: Key, value: Value)? {
        guard position.leaf < leaves.count else { return nil }
        return (leaves[position.leaf].keys[position.index], leaves[position.leaf].values[position.index])
    }

    func advance(_ position: inout Position) {
        guard position.leaf < leaves.count else { return }
        position.index += 1
        if position.index >= leaves[position.leaf].keys.count {
            position.leaf += 1
            position.index = 0
        }
    }

    /// The first entry that is not before `key`, or with `after` the first behind it.
    func position(_ key: Key, after: Bool = false) -> Position {
        func isBefore(_ other: Key) -> Bool { after ? !(key < other) : other < key }
        var low = 0
        var high = leaves.count
        while low < high {
            let middle = (low + high) / 2
            if let last = leaves[middle].keys.last, isBefore(last) { low = middle + 1 } else { high = middle }
        }
        guard low < leaves.count else { return Position(leaf: leaves.count, index: 0) }
        let leaf = low
        low = 0
        high = leaves[leaf].keys.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(leaves[leaf].keys[middle]) { low = middle + 1 } else { high = middle }
        }
        return Position(leaf: leaf, index: low)
    }

    private func found(_ key: Key) -> Position? {
        let place = position(key)
        guard let entry = entry(at: place), !(key < entry.key) else { return nil }
        return place
    }

    subscript(key: Key) -> Value? {
        get {
            found(key).map { leaves[$0.leaf].values[$0.index] }
        }
        set {
            switch (found(key), newValue) {
            case (let place?, let value?): leaves[place.leaf].values[place.index] = value
            case (let place?, nil): remove(at: place)
            case (nil, let value?): insert(key, value)
            case (nil, nil): break
            }
        }
    }

    /// Changes a value where it lies; does nothing when the key is absent.
    mutating func update<Result>(_ key: Key, _ body: (inout Value) throws -> Result) rethrows -> Result? {
        guard let place = found(key) else { return nil }
        return try body(&leaves[place.leaf].values[place.index])
    }

    private mutating func remove(at place: Position) {
        leaves[place.leaf].keys.remove(at: place.index)
        leaves[place.leaf].values.remove(at: place.index)
        if leaves[place.leaf].keys.isEmpty { leaves.remove(at: place.leaf) }
        count -= 1
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        count += 1
        guard !leaves.isEmpty else {
            leaves.append(Leaf(keys: [key], values: [value]))
            return
        }
        var place = position(key)
        if place.leaf == leaves.count {
            place = Position(leaf: leaves.count - 1, index: leaves[leaves.count - 1].keys.count)
        }
        leaves[place.leaf].keys.insert(key, at: place.index)
        leaves[place.leaf].values.insert(value, at: place.index)
        let size = leaves[place.leaf].keys.count
        guard size > Self.capacity else { return }
        // Keys mostly arrive in order: then the full leaf stays full and the new one starts nearly empty.
        let cut = place.leaf == leaves.count - 1 && place.index == size - 1 ? size - 1 : size / 2
        let right = Leaf(keys: Array(leaves[place.leaf].keys[cut...]), values: Array(leaves[place.leaf].values[cut...]))
        leaves[place.leaf].keys.removeSubrange(cut...)
        leaves[place.leaf].values.removeSubrange(cut...)
        leaves.insert(right, at: place.leaf + 1)
    }
}

extension SortedMap: Sequence {
    struct Iterator: IteratorProtocol {
        fileprivate let map: SortedMap
        fileprivate var position: Position

        mutating func next() -> (key: Key, value: Value)? {
            guard let entry = map.entry(at: position) else { return nil }
            map.advance(&position)
            return entry
        }
    }

    func makeIterator() -> Iterator {
        Iterator(map: self, position: start)
    }
}
