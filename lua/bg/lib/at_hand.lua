-- The request at hand, as each request reads it. `ngx.var` and `ngx.status` do the same by metamethods, in which
-- LuaJIT's traces end; what calls these functions is compiled as one trace (docs/performance.md). For the same reason
-- none of them ends with the call of a C function: a trace does not return from that.

local base = require("resty.core.base")
local ffi = require("ffi")
require("resty.core.misc") -- declares the C functions that are called here
require("resty.core.var")

local C = ffi.C
local cast, copy_of = ffi.cast, ffi.string
local error, tonumber = error, tonumber
local get_request = base.get_request

local OK, DECLINED = 0, -5 -- NGX_OK, NGX_DECLINED
local NAME_BYTES, FAULT_BYTES = 64, 256 -- of the longest name of a variable, and of what nginx says of a fault

local lowercase = ffi.new("char[?]", NAME_BYTES)
local lowercase_set = ffi.new("unsigned char[?]", NAME_BYTES)
local value, length = ffi.new("char *[1]"), ffi.new("size_t[1]")
local fault, fault_length = ffi.new("unsigned char[?]", FAULT_BYTES), ffi.new("size_t[1]")
local get_fault = ffi.new("char *[1]")

local _M = {}

--- The value of nginx's variable `name` (in lower case), or nil.
function _M.get(name)
    local rc = C.ngx_http_lua_ffi_var_get(get_request(), name, #name, lowercase, 0, value, length, get_fault)
    if rc == OK then
        local text = copy_of(value[0], length[0])
        return text
    elseif rc ~= DECLINED then
        error(copy_of(get_fault[0]))
    end
end

--- Whether the variable has a value that is not empty.
function _M.has(name)
    local rc = C.ngx_http_lua_ffi_var_get(get_request(), name, #name, lowercase, 0, value, length, get_fault)
    return rc == OK and length[0] > 0
end

--- Sets nginx's variable `name` to a text.
function _M.set(name, text)
    fault_length[0] = FAULT_BYTES
    local rc = C.ngx_http_lua_ffi_var_set(get_request(), name, #name, lowercase_set, text, #text, fault, fault_length)
    if rc ~= OK then
        error(copy_of(fault, fault_length[0]))
    end
end

--- The status of the answer.
function _M.status()
    local status = C.ngx_http_lua_ffi_get_resp_status(get_request())
    return status
end

--- A number that no other request of this worker has until this one is over: where nginx keeps it in memory.
function _M.number()
    local number = tonumber(cast("uintptr_t", get_request()))
    return number
end

return _M
