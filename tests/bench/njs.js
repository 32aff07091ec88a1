// The version of the token that a request bears, or "" for a request that is to be refused. HS256 alone.
import crypto from 'crypto';

const SECRET = '%(secret)s';

function version(r) {
    const parts = (r.headersIn['Authorization'] || '').slice('Bearer '.length).split('.');
    if (parts.length !== 3) {
        return '';
    }
    try {
        const header = JSON.parse(Buffer.from(parts[0], 'base64url').toString());
        const signed = crypto.createHmac('sha256', SECRET).update(parts[0] + '.' + parts[1]).digest('base64url');
        if (header.alg !== 'HS256' || signed !== parts[2]) {
            return '';
        }
        const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString());
        return claims.exp > Date.now() / 1000 ? claims.deploymentVersion || '' : '';
    } catch (e) {
        return '';
    }
}

export default { version };
