import CallModel

extension EnreachEvent {
    /// What each event becomes. What it holds: `EnreachMapper`, one function for each kind.
    var kind: Kind {
        switch self {
        case .userActionMobileCall: .agentRequest
        case .userAlert: .alertRaised
        case .userAssistedCallbackRequest: .callbackAttempt
        case .userAvailability: .agentPresence
        case .userCallbackChanged: .callbackChanged
        case .userCallInArrived: .callRouted
        case .userCallInComing: .callOffered
        case .userCallInDisconnected: .callEnded
        case .userCallInOverflow: .callDiverted
        case .userCallInTransferCancelled: .callTransferCancelled
        case .userCallInTransferConnected: .callTransferConnected
        case .userCallInTransferStarted: .callTransferStarted
        case .userCallInUserAllocated: .callRinging
        case .userCallInUserCancelled: .callRingStopped
        case .userCallInUserConnected: .callAnswered
        case .userCallInUserOverflow: .callDiverted
        case .userCallOutConnected: .callAnswered
        case .userCallOutDisconnected: .callEnded
        case .userCallOutGoing: .callDialing
        case .userConfigurationSetNextCLI: .agentRequest
        case .userMissedCallNotification: .callMissed
        case .userQueueAlert: .alertRaised
        case .userStatus: .agentStatus
        case .userVoiceMailNotification: .voicemailReceived
        // Its description in the documentation is that of another event; the members say what it is.
        case .queueAttachedUsers: .queueMembers
        case .queueCallInArrived: .callQueued
        case .queueCallInComing: .callOffered
        case .queueCallInDisconnected: .callEnded
        case .queueCallInOverflow: .callDiverted
        case .queueCallInTransferCancelled: .callTransferCancelled
        case .queueCallInTransferConnected: .callTransferConnected
        case .queueCallInTransferStarted: .callTransferStarted
        case .queueCallInUserAllocated: .callRinging
        case .queueCallInUserCancelled: .callRingStopped
        case .queueCallInUserConnected: .callAnswered
        case .queueStatus: .queueStatus
        case .callbackChanged: .callbackChanged
        case .callbackListStatus: .callbackListStatus
        case .callbackRequestNotification: .callbackRequested
        case .callbackRequestReceivedNotification: .callbackConfirmed
        case .callListNotification: .callbackRequested
        }
    }

    /// Of the three events of a call that one of ours places.
    var isOutbound: Bool {
        switch self {
        case .userCallOutGoing, .userCallOutConnected, .userCallOutDisconnected: true
        default: false
        }
    }

    /// The queue speaks, not the user that has the call.
    var isOfQueue: Bool { rawValue.hasPrefix("Queue") }
}
