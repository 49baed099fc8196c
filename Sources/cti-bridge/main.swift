import Bridge

await Program.main()
