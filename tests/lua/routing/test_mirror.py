"""A copy for the candidate: what it says is what the proxy says, and nothing of it what a client claims."""

from __future__ import annotations

import re

from tests.lua.support.luajit import LUA, NGINX_STUB, Lua, plain

CONF = (LUA.parent / "nginx" / "forward.conf").read_text()
OVERWRITTEN = set(re.findall(r"^proxy_set_header (\S+)", CONF, re.MULTILINE))

# A nginx whose timers run when they are told to, and whose connections keep what is sent.
NGINX = b"""
local lies = ...
local timers, sent = {}, nil
ngx.timer.at = function(_, work) timers[#timers + 1] = work return true end
ngx.update_time = function() end
ngx.crc32_short = function() return 0 end
ngx.req = { get_headers = function() return lies end }
ngx.socket.tcp = function()
    return {
        settimeout = function() end, close = function() end, receiveany = function() return nil, "closed" end,
        connect = function() return true end, send = function(_, text) sent = text return true end,
    }
end
local mirror = require("bg.routing.mirror")
local green = { name = "green", version = "1.6.8" }
local state = { phase = "candidate", generation = 17, slots = { green = green }, unchanged = {} }
mirror.init({ mirrors = { web = { address = "127.0.0.1:9", share = 100 } } }, function() return state end)
local var = { request_method = "GET", request_uri = "/", bg_host = "x", bg_forwarded_host = "x",
    bg_forwarded_port = "443", bg_sent_scheme = "https", bg_lasting = "", request_id = "1",
    remote_addr = "192.0.2.7" }
mirror.offer("web", { name = "blue" }, state, var)
timers[1]()
return sent
"""


def test_a_copy_says_nothing_that_a_client_claims_of_itself():
    lua = Lua()
    lua.runtime.execute(NGINX_STUB)
    lies = {name.lower(): "lie" for name in OVERWRITTEN} | {"cookie": "theme=dark"}
    text = plain(lua.runtime.execute(NGINX, lua.table(lies)))
    assert "lie" not in text
    assert "cookie: theme=dark\r\n" in text
    assert "X-Deployment-Version: 1.6.8\r\nX-Deployment-Generation: 17\r\n" in text
