-- Says how large a file system is.

local ffi = require("ffi")

local tonumber = tonumber

-- The first members are the same in glibc and in musl, on every 64-bit Linux; `rest` is room for the others.
ffi.cdef([[
struct bg_statvfs { unsigned long bsize, frsize; uint64_t blocks; uint64_t rest[32]; };
int statvfs(const char *path, struct bg_statvfs *found);
]])

local _M = {}

--- The bytes that the file system of `path` holds when it is empty, or nil.
function _M.size(path)
    local found = ffi.new("struct bg_statvfs")
    if ffi.C.statvfs(path, found) ~= 0 then
        return nil
    end
    return tonumber(found.frsize) * tonumber(found.blocks)
end

return _M
