"""The Lua modules of the proxy under LuaJIT, without nginx."""
