/// The published JSON Schema of CallEvent (draft 2020-12), as it ships with each release.
enum CallEventSchema {
    static let text = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "$id": "urn:cti-bridge:schema:call-event:1",
          "title": "CallEvent",
          "description": "One line of cti-bridge output. Producers are held to this schema as it stands; consumers ignore members and kinds they do not know. The order of properties here is the order in which they are written.",
          "type": "object",
          "properties": {
            "v": {
              "const": 1,
              "description": "Major version of this schema."
            },
            "id": {
              "$ref": "#/$defs/uuid",
              "description": "UUIDv5, the same for every delivery of the same fact. De-duplicate on it."
            },
            "kind": {
              "enum": [
                "call.offered",
                "call.dialing",
                "call.routed",
                "call.treatment",
                "call.queued",
                "call.ringing",
                "call.ring_stopped",
                "call.answered",
                "call.held",
                "call.retrieved",
                "call.parked",
                "call.unparked",
                "call.diverted",
                "call.transfer.started",
                "call.transfer.connected",
                "call.transfer.cancelled",
                "call.conferenced",
                "call.monitored",
                "call.left",
                "call.updated",
                "call.missed",
                "call.abandoned",
                "call.ended",
                "call.record",
                "agent.presence",
                "agent.status",
                "agent.request",
                "queue.status",
                "queue.members",
                "callback.requested",
                "callback.changed",
                "callback.attempt",
                "callback.confirmed",
                "callback.list.status",
                "voicemail.received",
                "voicemail.status",
                "alert.raised",
                "directory.changed",
                "source.connected",
                "source.disconnected",
                "source.gap",
                "source.snapshot",
                "source.notice",
                "source.unmapped",
                "source.heartbeat",
                "bridge.started",
                "bridge.stopped"
              ]
            },
            "stream": {
              "$ref": "#/$defs/uuid",
              "description": "UUIDv7 of one unbroken run of seq. A new one means that nothing is promised about lines before it."
            },
            "seq": {
              "type": "integer",
              "minimum": 1,
              "description": "Contiguous within stream. A hole means lost lines between the bridge and you."
            },
            "occurred_at": {
              "$ref": "#/$defs/time",
              "description": "When it happened, as well as it can be known; see time_source."
            },
            "received_at": {
              "$ref": "#/$defs/time",
              "description": "When the bridge got the message that caused this line."
            },
            "time_source": {
              "enum": [
                "vendor",
                "derived",
                "received"
              ],
              "description": "vendor: the vendor gave this very time. derived: computed from vendor data. received: nothing better, equals received_at."
            },
            "origin": {
              "enum": [
                "live",
                "snapshot",
                "synthetic"
              ],
              "description": "live: a vendor message says so. snapshot: found in a state dump. synthetic: concluded by the bridge."
            },
            "tenant": {
              "type": "string",
              "minLength": 1
            },
            "source": {
              "type": "object",
              "properties": {
                "vendor": {
                  "type": "string",
                  "minLength": 1,
                  "pattern": "^[a-z][a-z0-9-]{0,31}$"
                },
                "name": {
                  "type": "string",
                  "minLength": 1,
                  "pattern": "^[a-z0-9][a-z0-9_-]{0,31}$",
                  "description": "Configured name of this source, unique in the bridge."
                },
                "event": {
                  "type": "string",
                  "minLength": 1,
                  "description": "The vendor's own name of the event."
                }
              },
              "required": [
                "vendor",
                "name",
                "event"
              ],
              "additionalProperties": false
            },
            "call": {
              "type": "object",
              "properties": {
                "id": {
                  "type": "string",
                  "minLength": 1,
                  "pattern": "^[a-z0-9][a-z0-9_-]{0,31}:.",
                  "description": "source.name, a colon, the vendor's call id."
                },
                "seq": {
                  "type": "integer",
                  "minimum": 1,
                  "description": "1, 2, 3 ... within the call, in order of emission."
                },
                "state": {
                  "enum": [
                    "offered",
                    "dialing",
                    "treatment",
                    "queued",
                    "ringing",
                    "talking",
                    "held",
                    "parked",
                    "ended"
                  ],
                  "description": "State after this event."
                },
                "direction": {
                  "enum": [
                    "inbound",
                    "outbound",
                    "internal",
                    "unknown"
                  ]
                },
                "leg": {
                  "type": "string",
                  "minLength": 1
                },
                "peer_leg": {
                  "type": "string",
                  "minLength": 1
                },
                "alerting": {
                  "type": "integer",
                  "minimum": 0,
                  "description": "Phones ringing for this call after this event."
                },
                "gaps": {
                  "type": "integer",
                  "minimum": 1,
                  "description": "Number of source.gap lines this call lived through; its figures may be wrong."
                }
              },
              "required": [
                "id",
                "seq",
                "state",
                "direction"
              ],
              "additionalProperties": false
            },
            "from": {
              "$ref": "#/$defs/party",
              "description": "Calling party."
            },
            "to": {
              "$ref": "#/$defs/party",
              "description": "Originally called party."
            },
            "agent": {
              "$ref": "#/$defs/agent"
            },
            "queue": {
              "$ref": "#/$defs/queue"
            },
            "target": {
              "$ref": "#/$defs/target",
              "description": "Where the call is being sent (call.routed)."
            },
            "trunk": {
              "type": "object",
              "properties": {
                "name": {
                  "type": "string",
                  "minLength": 1
                },
                "channel": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "additionalProperties": false
            },
            "contacts": {
              "type": "array",
              "items": {
                "type": "object",
                "properties": {
                  "id": {
                    "type": "string",
                    "minLength": 1
                  },
                  "name": {
                    "type": "string",
                    "minLength": 1
                  },
                  "organization": {
                    "type": "string",
                    "minLength": 1
                  },
                  "region": {
                    "type": "string",
                    "minLength": 1
                  },
                  "avatar": {
                    "type": "string",
                    "minLength": 1
                  }
                },
                "additionalProperties": false
              },
              "minItems": 1,
              "description": "Customer records the vendor's CRM link found; more than one is normal."
            },
            "treatment": {
              "type": "object",
              "properties": {
                "type": {
                  "enum": [
                    "ivr",
                    "xml_ivr",
                    "system_operation",
                    "voicemail",
                    "voicemail_access"
                  ]
                },
                "id": {
                  "type": "string",
                  "minLength": 1
                },
                "name": {
                  "type": "string",
                  "minLength": 1
                },
                "target_type": {
                  "enum": [
                    "user",
                    "queue"
                  ]
                }
              },
              "required": [
                "type"
              ],
              "additionalProperties": false
            },
            "transfer": {
              "type": "object",
              "properties": {
                "n": {
                  "type": "integer",
                  "minimum": 0,
                  "description": "Which transfer of the call: 1, 2 ..."
                },
                "type": {
                  "enum": [
                    "blind",
                    "attended",
                    "unknown"
                  ]
                },
                "by": {
                  "enum": [
                    "agent",
                    "queue",
                    "system"
                  ]
                },
                "target": {
                  "$ref": "#/$defs/target"
                },
                "source": {
                  "type": "string",
                  "minLength": 1
                },
                "applet": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "required": [
                "n",
                "type"
              ],
              "additionalProperties": false
            },
            "divert": {
              "type": "object",
              "properties": {
                "type": {
                  "enum": [
                    "overflow",
                    "forward",
                    "pickup",
                    "unknown"
                  ]
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Vendor reason, verbatim."
                },
                "applet": {
                  "type": "string",
                  "minLength": 1
                },
                "targets": {
                  "type": "array",
                  "items": {
                    "$ref": "#/$defs/target"
                  },
                  "minItems": 1
                }
              },
              "required": [
                "type"
              ],
              "additionalProperties": false
            },
            "park": {
              "type": "object",
              "properties": {
                "slot": {
                  "type": "string",
                  "minLength": 1
                },
                "by": {
                  "type": "object",
                  "properties": {
                    "id": {
                      "type": "string",
                      "minLength": 1
                    },
                    "name": {
                      "type": "string",
                      "minLength": 1
                    }
                  },
                  "required": [
                    "id"
                  ],
                  "additionalProperties": false
                }
              },
              "required": [
                "slot"
              ],
              "additionalProperties": false
            },
            "conference": {
              "type": "object",
              "properties": {
                "room": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "required": [
                "room"
              ],
              "additionalProperties": false
            },
            "monitor": {
              "type": "object",
              "properties": {
                "leg": {
                  "type": "string",
                  "minLength": 1
                },
                "state": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "additionalProperties": false
            },
            "presence": {
              "type": "object",
              "properties": {
                "state": {
                  "enum": [
                    "available",
                    "busy",
                    "dnd",
                    "off",
                    "unknown"
                  ]
                },
                "raw": {
                  "type": "string",
                  "minLength": 1
                },
                "source": {
                  "type": "string",
                  "minLength": 1
                },
                "note": {
                  "type": "string",
                  "minLength": 1
                },
                "profile_id": {
                  "type": "string",
                  "minLength": 1
                },
                "since": {
                  "$ref": "#/$defs/time"
                },
                "until": {
                  "$ref": "#/$defs/time"
                },
                "dnd": {
                  "type": "boolean"
                },
                "forwarding": {
                  "type": "boolean"
                }
              },
              "required": [
                "state"
              ],
              "additionalProperties": false
            },
            "status": {
              "type": "object",
              "properties": {
                "state": {
                  "enum": [
                    "off",
                    "not_ready",
                    "ready",
                    "talking",
                    "wrap_up",
                    "unknown"
                  ]
                },
                "available": {
                  "type": "boolean"
                },
                "scheduled": {
                  "type": "boolean"
                },
                "allocatable": {
                  "type": "boolean"
                },
                "serving": {
                  "type": "boolean"
                },
                "serving_callbacks": {
                  "type": "boolean"
                },
                "talking": {
                  "type": "boolean"
                },
                "active_queues": {
                  "type": "integer",
                  "minimum": 0
                },
                "parked_calls": {
                  "type": "integer",
                  "minimum": 0
                },
                "terminals": {
                  "type": "integer",
                  "minimum": 0
                },
                "wrap_up_until": {
                  "$ref": "#/$defs/time"
                }
              },
              "required": [
                "state"
              ],
              "additionalProperties": false
            },
            "members_mode": {
              "enum": [
                "full",
                "delta"
              ],
              "description": "full: members is the whole list. delta: members holds changes."
            },
            "members": {
              "type": "array",
              "items": {
                "type": "object",
                "properties": {
                  "agent_id": {
                    "type": "string",
                    "minLength": 1
                  },
                  "active": {
                    "type": "boolean"
                  },
                  "priority": {
                    "type": "integer"
                  },
                  "logged_in": {
                    "type": "boolean"
                  },
                  "role": {
                    "type": "string",
                    "minLength": 1
                  },
                  "change": {
                    "enum": [
                      "added",
                      "updated",
                      "removed"
                    ]
                  }
                },
                "required": [
                  "agent_id"
                ],
                "additionalProperties": false
              }
            },
            "stats": {
              "type": "object",
              "description": "Counters of queue.status and callback.list.status.",
              "properties": {
                "open": {
                  "enum": [
                    "open",
                    "closed",
                    "no_handler",
                    "unknown"
                  ]
                },
                "open_certain": {
                  "type": "boolean"
                }
              },
              "additionalProperties": {
                "type": [
                  "integer",
                  "boolean"
                ]
              }
            },
            "callback": {
              "type": "object",
              "properties": {
                "id": {
                  "type": "string",
                  "minLength": 1
                },
                "list_id": {
                  "type": "string",
                  "minLength": 1
                },
                "type": {
                  "enum": [
                    "explicit",
                    "overflow",
                    "manual"
                  ]
                },
                "type_id": {
                  "type": "integer"
                },
                "state": {
                  "enum": [
                    "init",
                    "connected",
                    "terminated"
                  ],
                  "description": "callback.attempt only."
                },
                "channel": {
                  "type": "string",
                  "minLength": 1
                },
                "contact_name": {
                  "type": "string",
                  "minLength": 1
                },
                "contact_number": {
                  "type": "string",
                  "minLength": 1
                },
                "message": {
                  "type": "string",
                  "minLength": 1
                },
                "note": {
                  "type": "string",
                  "minLength": 1
                },
                "priority": {
                  "type": "string",
                  "minLength": 1
                },
                "assigned_to": {
                  "type": "string",
                  "minLength": 1
                },
                "target_user": {
                  "type": "string",
                  "minLength": 1
                },
                "created_at": {
                  "$ref": "#/$defs/time"
                },
                "modified_at": {
                  "$ref": "#/$defs/time"
                },
                "modified_by": {
                  "type": "string",
                  "minLength": 1
                },
                "due_at": {
                  "$ref": "#/$defs/time"
                },
                "expires_at": {
                  "$ref": "#/$defs/time"
                },
                "not_before": {
                  "$ref": "#/$defs/time"
                },
                "last_attempt": {
                  "type": "object",
                  "properties": {
                    "at": {
                      "$ref": "#/$defs/time"
                    },
                    "type_id": {
                      "type": "integer"
                    },
                    "agent_id": {
                      "type": "string",
                      "minLength": 1
                    },
                    "note": {
                      "type": "string",
                      "minLength": 1
                    }
                  },
                  "additionalProperties": false
                },
                "attempts": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "properties": {
                      "id": {
                        "type": "string",
                        "minLength": 1
                      },
                      "type_id": {
                        "type": "integer"
                      },
                      "at": {
                        "$ref": "#/$defs/time"
                      },
                      "agent_id": {
                        "type": "string",
                        "minLength": 1
                      },
                      "note": {
                        "type": "string",
                        "minLength": 1
                      }
                    },
                    "additionalProperties": false
                  },
                  "minItems": 1
                },
                "related": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "properties": {
                      "id": {
                        "type": "string",
                        "minLength": 1
                      },
                      "closed": {
                        "type": "boolean"
                      },
                      "list_id": {
                        "type": "string",
                        "minLength": 1
                      },
                      "status_id": {
                        "type": "integer"
                      }
                    },
                    "required": [
                      "id"
                    ],
                    "additionalProperties": false
                  },
                  "minItems": 1
                },
                "fields": {
                  "type": "object",
                  "additionalProperties": {
                    "type": "string"
                  }
                },
                "notify": {
                  "type": "object",
                  "properties": {
                    "email_to": {
                      "type": "string",
                      "minLength": 1
                    },
                    "email_attach": {
                      "type": "boolean"
                    },
                    "email_transcript": {
                      "type": "boolean"
                    },
                    "sms_to": {
                      "type": "string",
                      "minLength": 1
                    }
                  },
                  "additionalProperties": false
                }
              },
              "additionalProperties": false
            },
            "voicemail": {
              "type": "object",
              "properties": {
                "email_transcript": {
                  "type": "boolean"
                },
                "new": {
                  "type": "integer",
                  "minimum": 0
                },
                "saved": {
                  "type": "integer",
                  "minimum": 0
                },
                "owner": {
                  "$ref": "#/$defs/target"
                }
              },
              "additionalProperties": false
            },
            "alert": {
              "type": "object",
              "properties": {
                "id": {
                  "type": "string",
                  "minLength": 1
                },
                "name": {
                  "type": "string",
                  "minLength": 1
                },
                "expression": {
                  "type": "string",
                  "minLength": 1
                },
                "threshold": {
                  "type": "string",
                  "minLength": 1
                },
                "value": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "additionalProperties": false
            },
            "request": {
              "type": "object",
              "properties": {
                "type": {
                  "enum": [
                    "mobile_call",
                    "set_next_cli"
                  ]
                },
                "number": {
                  "type": "string",
                  "minLength": 1
                },
                "permanent": {
                  "type": "boolean"
                },
                "ttl": {
                  "type": "integer"
                }
              },
              "required": [
                "type"
              ],
              "additionalProperties": false
            },
            "entity": {
              "type": "object",
              "properties": {
                "type": {
                  "enum": [
                    "user",
                    "queue",
                    "terminal",
                    "domain",
                    "other"
                  ]
                },
                "id": {
                  "type": "string",
                  "minLength": 1
                },
                "name": {
                  "type": "string",
                  "minLength": 1
                },
                "change": {
                  "enum": [
                    "added",
                    "updated",
                    "removed",
                    "snapshot"
                  ]
                },
                "extension": {
                  "type": "string",
                  "minLength": 1
                },
                "email": {
                  "type": "string",
                  "minLength": 1
                },
                "label": {
                  "type": "string",
                  "minLength": 1
                },
                "registered": {
                  "type": "boolean"
                }
              },
              "required": [
                "type",
                "id",
                "change"
              ],
              "additionalProperties": false
            },
            "timing": {
              "type": "object",
              "properties": {
                "source": {
                  "enum": [
                    "vendor",
                    "derived",
                    "mixed"
                  ]
                },
                "offered_at": {
                  "$ref": "#/$defs/time"
                },
                "queued_at": {
                  "$ref": "#/$defs/time"
                },
                "ringing_at": {
                  "$ref": "#/$defs/time"
                },
                "answered_at": {
                  "$ref": "#/$defs/time"
                },
                "ended_at": {
                  "$ref": "#/$defs/time"
                },
                "queue_ms": {
                  "$ref": "#/$defs/ms"
                },
                "ring_ms": {
                  "$ref": "#/$defs/ms"
                },
                "talk_ms": {
                  "$ref": "#/$defs/ms"
                },
                "hold_ms": {
                  "$ref": "#/$defs/ms"
                },
                "park_ms": {
                  "$ref": "#/$defs/ms"
                },
                "total_ms": {
                  "$ref": "#/$defs/ms"
                }
              },
              "required": [
                "source"
              ],
              "additionalProperties": false
            },
            "outcome": {
              "$ref": "#/$defs/outcome"
            },
            "record": {
              "type": "object",
              "properties": {
                "id": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Stable key of the record: upsert on it."
                },
                "list": {
                  "type": "string",
                  "minLength": 1
                },
                "started_at": {
                  "$ref": "#/$defs/time"
                },
                "direction": {
                  "enum": [
                    "inbound",
                    "outbound",
                    "internal",
                    "unknown"
                  ]
                },
                "billable": {
                  "type": "boolean"
                }
              },
              "required": [
                "id"
              ],
              "additionalProperties": false
            },
            "connection": {
              "type": "object",
              "properties": {
                "attempt": {
                  "type": "integer",
                  "minimum": 1
                },
                "reason": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "additionalProperties": false
            },
            "gap": {
              "type": "object",
              "properties": {
                "id": {
                  "$ref": "#/$defs/uuid"
                },
                "from": {
                  "$ref": "#/$defs/time"
                },
                "to": {
                  "$ref": "#/$defs/time"
                },
                "reason": {
                  "enum": [
                    "disconnect",
                    "crash",
                    "overflow",
                    "replaced"
                  ]
                },
                "recoverable": {
                  "enum": [
                    "none",
                    "snapshot",
                    "queue"
                  ]
                },
                "open_calls": {
                  "type": "integer",
                  "minimum": 0
                }
              },
              "required": [
                "id",
                "from",
                "to",
                "reason",
                "recoverable"
              ],
              "additionalProperties": false
            },
            "snapshot": {
              "type": "object",
              "properties": {
                "entity": {
                  "type": "string",
                  "minLength": 1
                },
                "items": {
                  "type": "integer",
                  "minimum": 0
                },
                "opened": {
                  "type": "integer",
                  "minimum": 0
                },
                "matched": {
                  "type": "integer",
                  "minimum": 0
                },
                "vanished": {
                  "type": "integer",
                  "minimum": 0
                }
              },
              "required": [
                "entity",
                "items"
              ],
              "additionalProperties": false
            },
            "notice": {
              "type": "object",
              "properties": {
                "code": {
                  "type": "string",
                  "minLength": 1
                },
                "text": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "required": [
                "code"
              ],
              "additionalProperties": false
            },
            "problem": {
              "type": "object",
              "properties": {
                "code": {
                  "enum": [
                    "unknown_event",
                    "invalid_payload",
                    "missing_field",
                    "unknown_state"
                  ]
                },
                "detail": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "required": [
                "code"
              ],
              "additionalProperties": false
            },
            "refs": {
              "type": "object",
              "properties": {
                "vendor_call_id": {
                  "type": "string",
                  "minLength": 1
                },
                "contact_ref": {
                  "type": "string",
                  "minLength": 1
                },
                "campaign": {
                  "type": "string",
                  "minLength": 1
                },
                "sip_call_id": {
                  "type": "string",
                  "minLength": 1
                },
                "context": {
                  "type": "string",
                  "minLength": 1
                },
                "recording": {
                  "type": "string",
                  "minLength": 1
                },
                "transcript": {
                  "type": "string",
                  "minLength": 1
                },
                "classification": {
                  "type": "string",
                  "minLength": 1
                },
                "callback_id": {
                  "type": "string",
                  "minLength": 1
                },
                "merged_into": {
                  "type": "string",
                  "minLength": 1
                },
                "merged_from": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "additionalProperties": false
            },
            "late": {
              "const": true,
              "description": "Arrived after the call had ended, or older than a line already written for it."
            },
            "uncertain_ms": {
              "$ref": "#/$defs/ms",
              "description": "occurred_at may be early or late by this much."
            },
            "caused_by": {
              "$ref": "#/$defs/uuid",
              "description": "id of the event that made the bridge write this synthetic one."
            },
            "extra": {
              "type": "object",
              "description": "Vendor fields without a home in the model: vendor spelling, values as text.",
              "additionalProperties": {
                "type": "string"
              }
            },
            "replayed": {
              "const": true,
              "description": "Written again on an operator's demand. Redelivery after a sink fault is not marked: those bytes are the same."
            },
            "raw": {
              "type": "object",
              "properties": {
                "encoding": {
                  "enum": [
                    "json",
                    "text",
                    "base64"
                  ]
                },
                "truncated": {
                  "const": true
                },
                "data": {}
              },
              "required": [
                "encoding",
                "data"
              ],
              "additionalProperties": false
            }
          },
          "required": [
            "v",
            "id",
            "kind",
            "stream",
            "seq",
            "occurred_at",
            "received_at",
            "time_source",
            "origin",
            "source"
          ],
          "allOf": [
            {
              "if": {
                "properties": {
                  "kind": {
                    "enum": [
                      "call.offered",
                      "call.dialing",
                      "call.routed",
                      "call.treatment",
                      "call.queued",
                      "call.ringing",
                      "call.ring_stopped",
                      "call.answered",
                      "call.held",
                      "call.retrieved",
                      "call.parked",
                      "call.unparked",
                      "call.diverted",
                      "call.transfer.started",
                      "call.transfer.connected",
                      "call.transfer.cancelled",
                      "call.conferenced",
                      "call.monitored",
                      "call.left",
                      "call.updated",
                      "call.abandoned",
                      "call.ended"
                    ]
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "call",
                  "refs"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "enum": [
                      "call.ringing",
                      "call.ring_stopped"
                    ]
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "anyOf": [
                  {
                    "required": [
                      "agent"
                    ]
                  },
                  {
                    "required": [
                      "target"
                    ]
                  }
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.ring_stopped"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "outcome",
                  "timing"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.queued"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "queue"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.routed"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "target"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.treatment"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "treatment"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "enum": [
                      "call.parked",
                      "call.unparked"
                    ]
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "park"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "enum": [
                      "call.transfer.started",
                      "call.transfer.connected",
                      "call.transfer.cancelled"
                    ]
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "transfer"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.diverted"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "divert"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.conferenced"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "conference"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.monitored"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "monitor"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.ended"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "outcome",
                  "timing"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.record"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "record",
                  "outcome"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "agent.presence"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "agent",
                  "presence"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "agent.status"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "agent",
                  "status"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "agent.request"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "agent",
                  "request"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "queue.status"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "queue",
                  "stats"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "queue.members"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "queue",
                  "members_mode",
                  "members"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "enum": [
                      "callback.requested",
                      "callback.changed",
                      "callback.attempt",
                      "callback.confirmed",
                      "callback.list.status"
                    ]
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "callback"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "callback.list.status"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "stats"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "enum": [
                      "voicemail.received",
                      "voicemail.status"
                    ]
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "voicemail"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "alert.raised"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "alert"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "directory.changed"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "entity"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "enum": [
                      "source.connected",
                      "source.disconnected"
                    ]
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "connection"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "source.gap"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "gap"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "source.snapshot"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "snapshot"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "source.notice"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "notice"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "source.unmapped"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "required": [
                  "problem"
                ]
              }
            },
            {
              "if": {
                "properties": {
                  "kind": {
                    "const": "call.ended"
                  }
                },
                "required": [
                  "kind"
                ]
              },
              "then": {
                "properties": {
                  "call": {
                    "properties": {
                      "state": {
                        "const": "ended"
                      }
                    }
                  },
                  "outcome": {
                    "required": [
                      "closure"
                    ]
                  }
                }
              }
            },
            {
              "if": {
                "properties": {
                  "time_source": {
                    "const": "received"
                  }
                },
                "required": [
                  "time_source"
                ]
              },
              "then": {
                "$comment": "occurred_at equals received_at; a schema cannot compare two members, the test suite does."
              }
            }
          ],
          "additionalProperties": false,
          "$defs": {
            "uuid": {
              "type": "string",
              "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
            },
            "time": {
              "type": "string",
              "description": "RFC 3339, UTC, always six fractional digits, always 27 characters, so text order is time order.",
              "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)\\.[0-9]{6}Z$"
            },
            "ms": {
              "type": "integer",
              "minimum": 0,
              "description": "Whole milliseconds."
            },
            "party": {
              "type": "object",
              "properties": {
                "number": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Digits or address as the vendor delivered them."
                },
                "e164": {
                  "type": "string",
                  "minLength": 1,
                  "pattern": "^\\+[1-9][0-9]{6,14}$",
                  "description": "Only when certain."
                },
                "name": {
                  "type": "string",
                  "minLength": 1
                },
                "location": {
                  "enum": [
                    "internal",
                    "external"
                  ]
                },
                "anonymous": {
                  "const": true
                }
              },
              "additionalProperties": false
            },
            "agent": {
              "type": "object",
              "properties": {
                "id": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Stable vendor id of the user; the extension where the vendor has nothing else."
                },
                "name": {
                  "type": "string",
                  "minLength": 1
                },
                "extension": {
                  "type": "string",
                  "minLength": 1
                },
                "number": {
                  "type": "string",
                  "minLength": 1
                },
                "endpoint": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Device address, e.g. SIP/john.doe."
                }
              },
              "required": [
                "id"
              ],
              "additionalProperties": false
            },
            "queue": {
              "type": "object",
              "properties": {
                "id": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Vendor id; the name where the vendor has no id."
                },
                "name": {
                  "type": "string",
                  "minLength": 1
                },
                "number": {
                  "type": "string",
                  "minLength": 1
                },
                "type": {
                  "enum": [
                    "ring",
                    "hunt"
                  ]
                },
                "tech_id": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Technical queue that did the work, if it differs."
                },
                "tech_name": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "required": [
                "id"
              ],
              "additionalProperties": false
            },
            "target": {
              "type": "object",
              "properties": {
                "type": {
                  "enum": [
                    "user",
                    "queue",
                    "number",
                    "endpoint",
                    "url",
                    "system",
                    "unknown"
                  ]
                },
                "id": {
                  "type": "string",
                  "minLength": 1
                },
                "number": {
                  "type": "string",
                  "minLength": 1
                },
                "name": {
                  "type": "string",
                  "minLength": 1
                }
              },
              "required": [
                "type"
              ],
              "additionalProperties": false
            },
            "outcome": {
              "type": "object",
              "properties": {
                "disposition": {
                  "enum": [
                    "answered",
                    "abandoned",
                    "no_answer",
                    "busy",
                    "rejected",
                    "cancelled",
                    "answered_elsewhere",
                    "voicemail",
                    "treated",
                    "diverted",
                    "congestion",
                    "failed",
                    "merged",
                    "unknown"
                  ]
                },
                "side": {
                  "enum": [
                    "local",
                    "remote"
                  ],
                  "description": "Which side of the vendor's own leg released it."
                },
                "ended_by": {
                  "enum": [
                    "customer",
                    "agent",
                    "system"
                  ]
                },
                "closure": {
                  "enum": [
                    "vendor",
                    "reconciled",
                    "timed_out",
                    "evicted",
                    "merged"
                  ],
                  "description": "How the end is known. Only on call.ended and call.record."
                },
                "sip": {
                  "type": "integer",
                  "minimum": 200,
                  "maximum": 699
                },
                "q850": {
                  "type": "integer",
                  "minimum": 0,
                  "maximum": 127
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Vendor reason, verbatim."
                },
                "detail": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Second vendor reason, verbatim."
                },
                "tech": {
                  "type": "string",
                  "minLength": 1,
                  "description": "Technical reason, verbatim."
                }
              },
              "required": [
                "disposition"
              ],
              "additionalProperties": false
            }
          }
        }

        """#
}
