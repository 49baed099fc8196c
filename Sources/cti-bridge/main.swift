import Bridge
import CMalloc

// One tenant has a handful of threads, and what a backlog took is to go back to the system.
cti_keep_memory_small()
await Program.main()
