import Synchronization

/// How much of each body is in memory at a time: much while few are on their way, less while many are, so that their
/// number doesn't decide what the process needs.
final class TransferBudget: Sendable {
    private static let total = 32 << 20
    private static let piece = (64 << 10)...(512 << 10)

    private let active = Atomic(0)

    /// A body on its way; until it goes.
    final class Share: Sendable {
        private let budget: TransferBudget

        fileprivate init(_ budget: TransferBudget) {
            self.budget = budget
            budget.active.add(1, ordering: .relaxed)
        }

        deinit {
            budget.active.subtract(1, ordering: .relaxed)
        }

        /// How many bytes to take in one go.
        var piece: Int {
            let fair = TransferBudget.total / max(1, budget.active.load(ordering: .relaxed))
            return min(max(fair, TransferBudget.piece.lowerBound), TransferBudget.piece.upperBound)
        }
    }

    func share() -> Share { Share(self) }
}
