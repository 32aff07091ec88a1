-- OpenSSL's library of cryptography, through FFI: what of it we call. Needs OpenSSL 3, which nginx has loaded already;
-- outside nginx it is loaded here.

local ffi = require("ffi")

ffi.cdef([[
typedef struct bignum_st BIGNUM;
typedef struct evp_md_st EVP_MD;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct hmac_ctx_st HMAC_CTX;
EVP_PKEY *d2i_PUBKEY(EVP_PKEY **key, const unsigned char **at, long length);
int i2d_PUBKEY(const EVP_PKEY *key, unsigned char **out);
void EVP_PKEY_free(EVP_PKEY *key);
int EVP_PKEY_get_id(const EVP_PKEY *key);
int EVP_PKEY_get_group_name(const EVP_PKEY *key, char *name, size_t size, size_t *length);
int EVP_PKEY_get_bn_param(const EVP_PKEY *key, const char *name, BIGNUM **number);
int BN_num_bits(const BIGNUM *number);
int BN_is_odd(const BIGNUM *number);
void BN_free(BIGNUM *number);
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *context);
const EVP_MD *EVP_sha256(void);
const EVP_MD *EVP_sha384(void);
const EVP_MD *EVP_sha512(void);
int EVP_DigestVerifyInit(EVP_MD_CTX *context, EVP_PKEY_CTX **key_context, const EVP_MD *digest, void *engine,
                         EVP_PKEY *key);
int EVP_PKEY_CTX_set_rsa_padding(EVP_PKEY_CTX *context, int padding);
int EVP_PKEY_CTX_set_rsa_pss_saltlen(EVP_PKEY_CTX *context, int length);
int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *digest, void *engine);
int EVP_DigestUpdate(EVP_MD_CTX *context, const char *data, size_t length);
int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *out, unsigned int *length);
int EVP_MD_CTX_copy_ex(EVP_MD_CTX *to, const EVP_MD_CTX *from);
int EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t signature_length,
                     const char *data, size_t length);
HMAC_CTX *HMAC_CTX_new(void);
void HMAC_CTX_free(HMAC_CTX *context);
int HMAC_Init_ex(HMAC_CTX *context, const void *key, int key_length, const EVP_MD *digest, void *engine);
int HMAC_Update(HMAC_CTX *context, const char *data, size_t length);
int HMAC_Final(HMAC_CTX *context, unsigned char *out, unsigned int *out_length);
unsigned char *HMAC(const EVP_MD *digest, const void *key, int key_length, const char *data, size_t length,
                    unsigned char *out, unsigned int *out_length);
unsigned char *SHA256(const char *data, size_t length, unsigned char *out);
int CRYPTO_memcmp(const void *a, const void *b, size_t length);
int RAND_bytes(unsigned char *out, int length);
void ERR_clear_error(void);
]])

local function library()
    local loaded = pcall(function() return ffi.C.EVP_PKEY_get_group_name end)
    return loaded and ffi.C or ffi.load("libcrypto.so.3")
end

return library()
