"""What tests of the toolkit share: projects, releases and engines without containers, terminals."""
