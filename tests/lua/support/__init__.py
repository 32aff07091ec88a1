"""What the tests of the Lua modules are made of: LuaJIT, a stand-in for nginx, and a proxy in it."""
