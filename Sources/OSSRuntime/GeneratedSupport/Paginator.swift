/// The pages of a list operation, requested one by one as the loop goes on.
///
/// ```swift
/// for try await object in client.listObjectsV2Pages(.init(bucket: "photos")).items(\.contents) {
///     print(object.key)
/// }
/// ```
///
/// Each loop starts from the first request again. A failed page throws and ends the loop; cancelling the task ends it too.
public struct Paginator<Page: Sendable>: AsyncSequence, Sendable {
    public typealias Element = Page

    private let first: PageRequest<Page>

    package init(first: PageRequest<Page>) {
        self.first = first
    }

    /// The elements that `path` names, page after page, as one sequence.
    public func items<Item: Sendable>(_ path: any KeyPath<Page, [Item]> & Sendable) -> PaginatedItems<Page, Item> {
        PaginatedItems(pages: self, path: path)
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(request: first)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var request: PageRequest<Page>?

        public mutating func next() async throws -> Page? {
            guard let request else { return nil }
            self.request = nil
            let (page, next) = try await request.send()
            self.request = next
            return page
        }
    }
}

/// One page's request: gives the page and, if there is another, its request.
package struct PageRequest<Page: Sendable>: Sendable {
    package let send: @Sendable () async throws -> (page: Page, next: PageRequest<Page>?)

    package init(send: @escaping @Sendable () async throws -> (page: Page, next: PageRequest<Page>?)) {
        self.send = send
    }
}

/// The items of a ``Paginator``'s pages as one sequence.
public struct PaginatedItems<Page: Sendable, Item: Sendable>: AsyncSequence, Sendable {
    public typealias Element = Item

    fileprivate let pages: Paginator<Page>
    fileprivate let path: any KeyPath<Page, [Item]> & Sendable

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(pages: pages.makeAsyncIterator(), path: path)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var pages: Paginator<Page>.AsyncIterator
        fileprivate let path: any KeyPath<Page, [Item]> & Sendable
        private var items: IndexingIterator<[Item]> = [].makeIterator()

        fileprivate init(pages: Paginator<Page>.AsyncIterator, path: any KeyPath<Page, [Item]> & Sendable) {
            self.pages = pages
            self.path = path
        }

        public mutating func next() async throws -> Item? {
            while true {
                if let item = items.next() { return item }
                guard let page = try await pages.next() else { return nil }
                items = page[keyPath: path].makeIterator()
            }
        }
    }
}
